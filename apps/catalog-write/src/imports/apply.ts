import { CatalogError } from '@catalog/contracts';
import { loadSql } from '@catalog/database';
import type { PoolClient } from 'pg';
import { importLimits } from './limits.ts';

const sql = {
  hasNew: loadSql(import.meta.url, './sql/has-new.sql'),
  lockChanged: loadSql(import.meta.url, './sql/lock-changed.sql'),
  updateChanged: loadSql(import.meta.url, './sql/update-changed.sql'),
  insertNew: loadSql(import.meta.url, './sql/insert-new.sql'),
  preview: loadSql(import.meta.url, './sql/preview.sql'),
};

/** Held by an import that creates products. */
const creatingImportsLock = 7_236_002;

export interface Applied {
  readonly created: number;
  readonly updated: number;
  /** The lowest version written: every row that changed has at least this one. 0 when none changed. */
  readonly lowestVersion: number;
}

/**
 * Brings the products to what the staged rows say, and runs `record` in the same transaction. Tried again when
 * another commit got in between.
 *
 * Imports that create products apply one after another: the SKU constraint is deferrable, so that two inserts of
 * the same SKUs would not wait for each other row by row, but meet at the end of both statements, each
 * waiting for the other. The lock is taken before any row's, so that it cannot be part of a deadlock.
 */
export async function apply(
  client: PoolClient,
  record: (applied: Applied) => Promise<void>,
): Promise<Applied> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await inTransaction(client, async () => {
        const applied = await applyOnce(client);
        await record(applied);
        return applied;
      });
    } catch (error) {
      if (!isRace(error)) throw error;
      if (attempt === importLimits.applyAttempts) {
        throw new CatalogError('busy', 'Other changes of the same products kept getting in between.', {
          retryAfterSeconds: 5,
          cause: error,
        });
      }
    }
  }
}

export async function preview(client: PoolClient): Promise<{ created: number; updated: number }> {
  return inTransaction(client, async () => {
    await tune(client);
    const { rows } = await client.query<{ created: number; updated: number }>(sql.preview);
    return { created: rows[0]?.created ?? 0, updated: rows[0]?.updated ?? 0 };
  });
}

async function applyOnce(client: PoolClient): Promise<Applied> {
  await tune(client);
  const { rows } = await client.query<{ hasNew: boolean }>(sql.hasNew);
  if (rows[0]?.hasNew === true) await client.query('select pg_advisory_xact_lock($1)', [creatingImportsLock]);
  await client.query(sql.lockChanged);
  const updated = await countAndVersion(client, sql.updateChanged);
  const created = await countAndVersion(client, sql.insertNew);
  const versions = [updated.lowestVersion, created.lowestVersion].filter((version) => version !== null);
  return {
    created: created.rows,
    updated: updated.rows,
    lowestVersion: versions.length === 0 ? 0 : Math.min(...versions),
  };
}

async function countAndVersion(
  client: PoolClient,
  statement: string,
): Promise<{ rows: number; lowestVersion: number | null }> {
  const { rows } = await client.query<{ rows: number; lowestVersion: number | null }>(statement);
  return rows[0] ?? { rows: 0, lowestVersion: null };
}

/** For this transaction. */
async function tune(client: PoolClient): Promise<void> {
  await client.query("select set_config('work_mem', $1, true)", [`${importLimits.workMemory_kB}kB`]);
}

async function inTransaction<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query('begin isolation level read committed');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    // Fails only on a broken connection, which `error` tells about.
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

/** unique_violation, serialization_failure, deadlock_detected: somebody else's commit got in between. */
function isRace(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === '23505' || code === '40001' || code === '40P01';
}
