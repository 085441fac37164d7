import { CatalogError } from '@catalog/contracts';
import { loadSql, setChangedBy } from '@catalog/database';
import type { PoolClient } from 'pg';
import { importLimits } from '../limits.ts';
import type { ApplyTurn } from './apply-turns.ts';

const sql = {
  hasNew: loadSql(import.meta.url, './sql/has-new.sql'),
  lockChanged: loadSql(import.meta.url, './sql/lock-changed.sql'),
  updateChanged: loadSql(import.meta.url, './sql/update-changed.sql'),
  insertNew: loadSql(import.meta.url, './sql/insert-new.sql'),
  preview: loadSql(import.meta.url, './sql/preview.sql'),
};

export interface Applied {
  readonly created: number;
  readonly updated: number;
  /** The lowest version written. Every changed row has at least this version. 0 when no row changed. */
  readonly lowestVersion: number;
}

/**
 * Makes the products equal to the staged rows, in the name of `changedBy`, and runs `record` in the same transaction.
 * Tries again when another commit came in between. Several imports may run this at once: the locks of Postgres keep the
 * result right. The turn only saves them from waiting for each other here, and refuses an import that slept past it.
 *
 * Imports that create products still apply one after another. The SKU constraint is deferrable, so two inserts of the
 * same SKUs would not wait for each other row by row. They would meet at the end of both statements, each waiting for
 * the other. The advisory lock is taken before any row lock, so it cannot be part of a deadlock.
 */
export async function apply(
  client: PoolClient,
  turn: ApplyTurn,
  changedBy: string,
  record: (applied: Applied) => Promise<void>,
): Promise<Applied> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await inTransaction(client, async () => {
        await turn.pass(client);
        await setChangedBy(client, changedBy);
        const applied = await applyOnce(client);
        await record(applied);
        return applied;
      });
    } catch (error) {
      if (!isRace(error)) throw error;
      if (attempt === importLimits.applyAttempts) {
        throw new CatalogError('busy', 'Other changes of the same products kept coming in between.', {
          retryAfterSeconds: 5,
          cause: error,
        });
      }
    }
  }
}

export function preview(client: PoolClient): Promise<{ created: number; updated: number }> {
  return oneRow(client, sql.preview);
}

/**
 * Another commit may delete or change a row after this import found that the row needs no change. The row then counts as
 * unchanged, as if that commit came after the whole import.
 */
async function applyOnce(client: PoolClient): Promise<Applied> {
  const { hasNew } = await oneRow<{ hasNew: boolean }>(client, sql.hasNew);
  if (hasNew) await client.query('select catalog.lock_creating_imports()');
  const { locked } = await oneRow<{ locked: number }>(client, sql.lockChanged);
  const updated = locked > 0 ? await oneRow<Written>(client, sql.updateChanged) : nothing;
  const created = hasNew ? await oneRow<Written>(client, sql.insertNew) : nothing;
  const versions = [updated.lowestVersion, created.lowestVersion].filter((version) => version !== null);
  return {
    created: created.rows,
    updated: updated.rows,
    lowestVersion: versions.length === 0 ? 0 : Math.min(...versions),
  };
}

interface Written {
  readonly rows: number;
  readonly lowestVersion: number | null;
}
const nothing: Written = { rows: 0, lowestVersion: null };

async function oneRow<Row extends object>(client: PoolClient, statement: string): Promise<Row> {
  const { rows } = await client.query<Row>(statement);
  const [row] = rows;
  if (row === undefined) throw new Error('a statement that always answers one row answered none');
  return row;
}

async function inTransaction<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query('begin isolation level read committed');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    // The rollback fails only on a broken connection, and `error` already reports that.
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

/** unique_violation, serialization_failure and deadlock_detected mean that another commit came in between. */
function isRace(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === '23505' || code === '40001' || code === '40P01';
}
