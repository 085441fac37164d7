import { CatalogError, type ImportError } from '@catalog/contracts';
import { setChangedBy } from '@catalog/database';
import type { PoolClient } from 'pg';
import { importError } from '../import-error.ts';
import { importLimits } from '../limits.ts';
import { loadStatement } from './load-statement.ts';
import type { ImportRules } from '../progress/import-journal.ts';
import type { ApplyTurn } from './apply-turns.ts';

const sql = {
  refuse: loadStatement('refuse'),
  hasNew: loadStatement('has-new'),
  lockChanged: loadStatement('lock-changed'),
  updateChanged: loadStatement('update-changed'),
  insertNew: loadStatement('insert-new'),
  preview: loadStatement('preview'),
};

export interface ApplyPlan extends ImportRules {
  readonly staged: number;
  /** Some records lack a field that a new product needs. */
  readonly maybeIncomplete: boolean;
}

export interface Applied {
  /** The import was rejected. Nothing was created or updated. */
  readonly isRejected: boolean;
  readonly created: number;
  readonly updated: number;
  readonly skipped: number;
  /** Records that may not create or change a product, and the first errors about them. */
  readonly refused: number;
  readonly errors: readonly ImportError[];
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
  plan: ApplyPlan,
  record: (applied: Applied) => Promise<void>,
): Promise<Applied> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await inTransaction(client, async () => {
        await turn.pass(client);
        await setChangedBy(client, changedBy);
        const applied = await applyOnce(client, plan);
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

/** What `apply` would do. Takes refused and skipped rows out of the staging table, and changes nothing else. */
export async function preview(client: PoolClient, plan: ApplyPlan): Promise<Applied> {
  const refused = await refuse(client, plan);
  if (isRejected(plan, refused)) return { ...nothingApplied, ...refused, isRejected: true };
  const { created, updated } = await oneRow<{ created: number; updated: number }>(client, sql.preview);
  return { ...nothingApplied, ...refused, created, updated };
}

/**
 * The update comes last. A product that another transaction created before the insert began is in its snapshot, so every
 * record of the file is either inserted or compared.
 *
 * Another commit may delete or change a row after this import found that the row needs no change. The row then counts as
 * unchanged, as if that commit came after the whole import.
 */
async function applyOnce(client: PoolClient, plan: ApplyPlan): Promise<Applied> {
  const { hasNew } =
    plan.onMissing === 'create' ? await oneRow<{ hasNew: boolean }>(client, sql.hasNew) : { hasNew: false };
  if (hasNew) await client.query('select catalog.lock_creating_imports()');
  const refused = await refuse(client, plan);
  if (isRejected(plan, refused)) return { ...nothingApplied, ...refused, isRejected: true };
  // With another rule, a product that was created since `refuse` looked must not be changed.
  const mayUpdate = plan.onExisting === 'update';
  const { locked } = mayUpdate ? await oneRow<{ locked: number }>(client, sql.lockChanged) : { locked: 0 };
  const created = hasNew ? await oneRow<Written>(client, sql.insertNew) : nothingWritten;
  const someExist = hasNew && created.rows < plan.staged - refused.skipped - refused.refused;
  if (!mayUpdate && someExist) throw new CameInBetween();
  const updated =
    locked > 0 || (mayUpdate && someExist)
      ? await oneRow<Written>(client, sql.updateChanged)
      : nothingWritten;
  const versions = [updated.lowestVersion, created.lowestVersion].filter((version) => version !== null);
  return {
    isRejected: false,
    created: created.rows,
    updated: updated.rows,
    ...refused,
    lowestVersion: versions.length === 0 ? 0 : Math.min(...versions),
  };
}

type Refused = Pick<Applied, 'skipped' | 'refused' | 'errors'>;

async function refuse(client: PoolClient, plan: ApplyPlan): Promise<Refused> {
  const { onExisting, onMissing, maybeIncomplete } = plan;
  // Most imports refuse nothing here, and need not look for it.
  if (onExisting === 'update' && onMissing === 'create' && !maybeIncomplete) return nothingRefused;
  const values = [onExisting, onMissing, importLimits.listedErrors];
  const { rows } = await client.query<RefusedRow>(sql.refuse, values);
  const errors = rows.flatMap((row) => (row.code === 'skipped' ? [] : errorsOf(row)));
  return { skipped: rows[0]?.skipped ?? 0, refused: rows[0]?.refused ?? 0, errors };
}

interface RefusedRow {
  readonly skipped: number;
  readonly refused: number;
  readonly line: number;
  readonly code: 'skipped' | 'sku_exists' | 'sku_missing' | 'required';
  readonly sku: string;
  readonly missing: readonly string[];
}

function errorsOf({ line, code, sku, missing }: RefusedRow): ImportError[] {
  if (code === 'sku_exists')
    return [importError(line, 'sku', code, `The SKU "${sku}" belongs to a product already.`)];
  if (code === 'sku_missing') return [importError(line, 'sku', code, `No product has the SKU "${sku}".`)];
  return missing.map((field) =>
    importError(line, field, code, `is required, because no product has the SKU "${sku}" yet`),
  );
}

const isRejected = ({ mode }: ApplyPlan, { refused }: Refused): boolean =>
  mode === 'reject-all' && refused > 0;

const nothingRefused: Refused = { skipped: 0, refused: 0, errors: [] };
export const nothingApplied: Applied = {
  ...nothingRefused,
  isRejected: false,
  created: 0,
  updated: 0,
  lowestVersion: 0,
};

interface Written {
  readonly rows: number;
  readonly lowestVersion: number | null;
}
const nothingWritten: Written = { rows: 0, lowestVersion: null };

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

/** A product appeared that the rules of the import forbid to change. The next attempt sees it. */
class CameInBetween extends Error {
  override readonly name = 'CameInBetween';
}

/** unique_violation, serialization_failure and deadlock_detected mean that another commit came in between. */
function isRace(error: unknown): boolean {
  if (error instanceof CameInBetween) return true;
  const code = (error as { code?: unknown } | null)?.code;
  return code === '23505' || code === '40001' || code === '40P01';
}
