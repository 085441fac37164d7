import { CatalogError } from '@catalog/contracts';
import { loadSql, setChangedBy } from '@catalog/database';
import type { PoolClient } from 'pg';
import type { ApplyTurn } from './apply-turns.ts';
import { importLimits } from '../limits.ts';

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
 * Brings the products to what the staged rows say, in the name of `changedBy`, and runs `record` in the same transaction. Tried again when
 * another commit got in between. Right also where several do it at once; the turn only keeps them from waiting for each
 * other in here, and refuses one that slept past it.
 *
 * Imports that create products apply one after another: the SKU constraint is deferrable, so that two inserts of
 * the same SKUs would not wait for each other row by row, but meet at the end of both statements, each
 * waiting for the other. The lock is taken before any row's, so that it cannot be part of a deadlock.
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
        throw new CatalogError('busy', 'Other changes of the same products kept getting in between.', {
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
 * A row that another commit deletes or changes after we found that it needs nothing counts as unchanged: as if
 * that commit had come after all of the import.
 */
async function applyOnce(client: PoolClient): Promise<Applied> {
  const { hasNew } = await oneRow<{ hasNew: boolean }>(client, sql.hasNew);
  if (hasNew) await client.query('select pg_advisory_xact_lock($1)', [creatingImportsLock]);
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
  if (row === undefined) throw new Error('an aggregate without a row');
  return row;
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
