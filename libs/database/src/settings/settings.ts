import type { Settings, SettingsPatch } from '@catalog/contracts';
import type { Loaded } from '../entities/loaded.ts';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';
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

export async function loadSettings(db: Queryable): Promise<Loaded<Settings>> {
  const { rows } = await db.query<LoadedRow>({ name: 'settings/load', text: sql.load });
  const [row] = rows;
  if (row === undefined || row.version === null) return { version: row?.tombstoneVersion ?? 0, body: null };
  const { tombstoneVersion: _none, ...settings } = row;
  return { version: row.version, body: settings as Settings };
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
