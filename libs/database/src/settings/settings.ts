import { SETTINGS, SETTINGS_KEY, type Settings, type SettingsPatch } from '@catalog/contracts';
import type { EntityRow } from '../entities/entity-row.ts';
import type { Queryable } from '../postgres/pool.ts';
import { prepared } from '../postgres/retry-read.ts';
import { loadSql } from '../postgres/sql.ts';
import { readRows } from '../postgres/unreadable.ts';
import { translateViolation } from '../products/violations.ts';
import type { ExpectedVersion, NotChanged } from '../products/write.ts';

const sql = {
  load: loadSql(import.meta.url, './load.sql'),
  update: loadSql(import.meta.url, './update.sql'),
};

const columns = {
  storeName: 'store_name',
  supportEmail: 'support_email',
  defaultCurrency: 'default_currency',
  lowStockThreshold: 'low_stock_threshold',
  ordersEnabled: 'orders_enabled',
} as const satisfies Record<keyof SettingsPatch, string>;
const fields = Object.keys(columns) as (keyof SettingsPatch)[];

type LoadedRow = { [Field in keyof Settings]: Settings[Field] | null } & { tombstoneVersion: number | null };

export async function loadSettings(db: Queryable): Promise<EntityRow<Settings>> {
  const rows = await readRows<LoadedRow>(
    db,
    prepared('settings/load', sql.load),
    SETTINGS.name,
    () => SETTINGS_KEY,
  );
  const [first] = rows;
  if (first === undefined || first.row.version === null)
    return { version: first?.row.tombstoneVersion ?? 0, body: null };
  const { tombstoneVersion: _none, ...settings } = first.row;
  return { version: first.row.version, body: first.isUnreadable ? null : (settings as Settings) };
}

/** As the loader of an entity: every key but that of the one row is missing. */
export async function loadSettingsKeys(
  db: Queryable,
  keys: readonly string[],
): Promise<Map<string, EntityRow<Settings>>> {
  const settings = await loadSettings(db);
  return new Map(keys.map((key) => [key, key === SETTINGS_KEY ? settings : { version: 0, body: null }]));
}

/** Merges a patch into the settings. Throws CatalogError `invalid_request` naming the field, or `busy`. */
export async function updateSettings(
  client: Queryable,
  patch: SettingsPatch,
  expected: ExpectedVersion,
): Promise<Settings | NotChanged> {
  const patchOfColumns = Object.fromEntries(
    fields.filter((field) => patch[field] !== undefined).map((field) => [columns[field], patch[field]]),
  );
  const updated = await translateViolation(async () => {
    const { rows } = await client.query<Settings>(sql.update, [
      JSON.stringify(patchOfColumns),
      expected === '*' ? null : expected,
    ]);
    return rows[0];
  });
  if (updated !== undefined) return updated;
  const current = await loadSettings(client);
  return current.body === null ? 'missing' : { changed: current.version };
}
