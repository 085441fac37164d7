import type { Queryable } from './pool.ts';
import { loadSql } from './sql.ts';

const versionReached = loadSql(import.meta.url, './versions.sql');
const lastVersion = loadSql(import.meta.url, './last-version.sql');
const versionSkipped = loadSql(import.meta.url, './version-skipped.sql');

/** Whether some change has drawn this version or a later one. No read can wait for a version beyond that. */
export async function readVersionReached(db: Queryable, version: number): Promise<boolean> {
  const { rows } = await db.query<{ reached: boolean }>(versionReached, [version]);
  return rows[0]?.reached === true;
}

/** The last version that any change has drawn. */
async function readLastVersion(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ version: number }>(lastVersion);
  return rows[0]?.version ?? 0;
}

/**
 * Whether this Postgres has never drawn the version, although it may have drawn later ones: it skips versions when it is
 * started again. For the worker.
 */
export async function wasNeverDrawn(db: Queryable, version: number): Promise<boolean> {
  if (version > (await readLastVersion(db))) return true;
  const { rows } = await db.query<{ skipped: boolean }>(versionSkipped, [version]);
  return rows[0]?.skipped === true;
}
