/** The settings of the store: their form as a person types it, and the calls that read and save them. */
import { ruleText, settingsPatchSchema, type Settings, type SettingsPatch } from '@catalog/contracts';
import { callApi } from '../../http/api.ts';

export type SettingName = keyof SettingsPatch;
type Values = Readonly<Record<SettingName, unknown>>;

export const settingNames: Readonly<Record<SettingName, string>> = {
  storeName: 'Store name',
  supportEmail: 'Support email',
  defaultCurrency: 'Default currency',
  lowStockThreshold: 'Low stock threshold',
  ordersEnabled: 'Orders',
};
const allSettings = Object.keys(settingNames) as SettingName[];

/** The settings with the tag that a save must send. */
export interface LoadedSettings {
  readonly settings: Settings;
  readonly etag: string;
}

/** `atLeast` reads a version that is known to exist, past every cache that has not heard of it yet. */
export async function loadSettings(signal?: AbortSignal, atLeast = 0): Promise<LoadedSettings> {
  const { body, headers } = await callApi<Settings>('/api/settings', {
    ...(signal !== undefined && { signal }),
    ...(atLeast > 0 && { headers: { 'Min-Version': String(atLeast) } }),
  });
  return { settings: body, etag: headers.get('etag') ?? '' };
}

/** Saves the changed settings, and follows the change. 412 when somebody else has saved since `etag`. */
export async function patchSettings(patch: Partial<Values>, etag: string): Promise<LoadedSettings> {
  const { body, headers } = await callApi<Settings>('/api/settings', {
    method: 'PATCH',
    body: JSON.stringify(patch),
    headers: { 'Content-Type': 'application/merge-patch+json', 'If-Match': etag, Follow: 'true' },
  });
  return { settings: body, etag: headers.get('etag') ?? '' };
}

export interface Draft {
  readonly storeName: string;
  readonly supportEmail: string;
  readonly defaultCurrency: string;
  readonly lowStockThreshold: string;
  readonly ordersEnabled: boolean;
}

export const draftOf = (settings: Settings): Draft => ({
  storeName: settings.storeName,
  supportEmail: settings.supportEmail ?? '',
  defaultCurrency: settings.defaultCurrency,
  lowStockThreshold: String(settings.lowStockThreshold),
  ordersEnabled: settings.ordersEnabled,
});

const valuesOf = (draft: Draft): Values => ({
  storeName: draft.storeName.trim(),
  supportEmail: draft.supportEmail.trim() === '' ? null : draft.supportEmail.trim(),
  defaultCurrency: draft.defaultCurrency.trim().toUpperCase(),
  // An empty text would be 0.
  lowStockThreshold: draft.lowStockThreshold.trim() === '' ? Number.NaN : Number(draft.lowStockThreshold),
  ordersEnabled: draft.ordersEnabled,
});

/** What the contract of the services says against the form. */
export function problemsOf(draft: Draft): Readonly<Partial<Record<SettingName, string>>> {
  const problems: Partial<Record<SettingName, string>> = {};
  const { error } = settingsPatchSchema.safeParse(valuesOf(draft), { error: ruleText });
  for (const { path, message } of error?.issues ?? []) problems[path[0] as SettingName] ??= message;
  return problems;
}

export const changedSettings = (from: Settings, to: Settings): SettingName[] =>
  allSettings.filter((name) => from[name] !== to[name]);

/** What the person has changed, as a merge patch. */
export function patchOf(base: Settings, draft: Draft): Partial<Values> {
  const values = valuesOf(draft);
  return Object.fromEntries(
    allSettings.filter((name) => values[name] !== base[name]).map((name) => [name, values[name]]),
  );
}

export function settingText(name: SettingName, settings: Settings): string {
  if (name === 'ordersEnabled') return settings.ordersEnabled ? 'open' : 'closed';
  return String(settings[name] ?? 'nothing');
}
