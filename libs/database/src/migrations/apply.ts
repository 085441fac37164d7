/** Applies one migration, in a transaction or outside one. */
import { DatabaseError, type Client } from 'pg';
import { loadSql } from '../postgres/sql.ts';
import { MigrationError } from './error.ts';
import { runsOutside, type Migration } from './files.ts';

const record = loadSql(import.meta.url, './record.sql');
const dropUnfinished = loadSql(import.meta.url, './drop-unfinished.sql');

/** @throws MigrationError with the code `failed` */
export async function applyMigration(
  client: Client,
  migration: Migration,
  lockTimeout_ms: number,
): Promise<void> {
  const apply = runsOutside(migration) ? applyOutside : applyInside;
  try {
    await apply(client, migration, lockTimeout_ms);
  } catch (error) {
    throw new MigrationError('failed', describeFailure(migration, error), { cause: error });
  }
}

async function applyInside(client: Client, migration: Migration, lockTimeout_ms: number): Promise<void> {
  await client.query('begin');
  try {
    await client.query("select pg_catalog.set_config('lock_timeout', $1, true)", [String(lockTimeout_ms)]);
    await client.query(migration.sql);
    await client.query(record, [migration.id, migration.name, migration.checksum]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** After a crash before the record, the next run repeats the statement. */
async function applyOutside(client: Client, migration: Migration, lockTimeout_ms: number): Promise<void> {
  await client.query("select pg_catalog.set_config('lock_timeout', $1, false)", [String(lockTimeout_ms)]);
  try {
    await dropUnfinishedIndex(client, migration);
    await client.query(migration.sql);
    await client.query(record, [migration.id, migration.name, migration.checksum]);
  } finally {
    await client.query('reset lock_timeout');
  }
}

const concurrentIndex =
  /^\s*create\s+(?:unique\s+)?index\s+concurrently\s+if\s+not\s+exists\s+(\w+)\s+on\s+(?:only\s+)?(\w+)\./im;

/**
 * Whether the migration builds an index while services read and write. Such a build may wait long for older transactions: it blocks
 * nobody, and a timeout would throw its work away.
 */
export function buildsIndexBesideOthers(migration: Migration): boolean {
  return runsOutside(migration) && concurrentIndex.test(migration.sql);
}

/** An interrupted build leaves an invalid index of this name. IF NOT EXISTS would then skip the build. */
async function dropUnfinishedIndex(client: Client, { sql }: Migration): Promise<void> {
  const [, index, schema] = concurrentIndex.exec(sql) ?? [];
  if (index === undefined) return;
  const { rows } = await client.query<{ statement: string }>(dropUnfinished, [`${schema}.${index}`]);
  for (const { statement } of rows) await client.query(statement);
}

function describeFailure({ id, name, sql }: Migration, error: unknown): string {
  const position = error instanceof DatabaseError ? Number(error.position) : NaN;
  const line = Number.isNaN(position) ? '' : `, line ${sql.slice(0, position).split('\n').length}`;
  return `migration ${id} (${name})${line}: ${error instanceof Error ? error.message : String(error)}`;
}
