import { SETTINGS, type Settings, type SettingsPatch } from '@catalog/contracts';
import { rowLoader, textKey } from '../entities/row-loader.ts';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';
import { throwToClient } from '../products/violations.ts';
import type { ExpectedVersion, NotChanged } from '../products/write.ts';

const sql = {
  load: loadSql(import.meta.url, './load.sql'),
  update: loadSql(import.meta.url, './update.sql'),
  version: loadSql(import.meta.url, './version.sql'),
};

const columns = {
  storeName: 'store_name',
  supportEmail: 'support_email',
  defaultCurrency: 'default_currency',
  lowStockThreshold: 'low_stock_threshold',
  ordersEnabled: 'orders_enabled',
} as const satisfies Record<keyof SettingsPatch, string>;
const fields = Object.keys(columns) as (keyof SettingsPatch)[];

/** The settings have the one key `app`; every other key is missing. */
export const loadSettings = rowLoader<Settings>(SETTINGS.name, sql.load, textKey);

/** Merges a patch into the settings. Throws CatalogError `invalid_request` naming the field, or `busy`. */
export async function updateSettings(
  client: Queryable,
  patch: SettingsPatch,
  expected: ExpectedVersion,
): Promise<Settings | NotChanged> {
  const patchOfColumns = Object.fromEntries(
    fields.filter((field) => patch[field] !== undefined).map((field) => [columns[field], patch[field]]),
  );
  const updated = await client
    .query<Settings>(sql.update, [JSON.stringify(patchOfColumns), expected === '*' ? null : expected])
    .catch(throwToClient);
  if (updated.rows[0] !== undefined) return updated.rows[0];
  const { rows } = await client.query<{ version: number }>(sql.version);
  return rows[0] === undefined ? 'missing' : { changed: rows[0].version };
}
