import type { Queryable } from './pool.ts';
import { loadSql } from './sql.ts';

const versionReached = loadSql(import.meta.url, './versions.sql');
const lastVersion = loadSql(import.meta.url, './last-version.sql');

/** Whether some change has drawn this version or a later one. No read can wait for a version beyond that. */
export async function readVersionReached(db: Queryable, version: number): Promise<boolean> {
  const { rows } = await db.query<{ reached: boolean }>(versionReached, [version]);
  return rows[0]?.reached === true;
}

/** The last version that any change has drawn. */
export async function readLastVersion(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ version: number }>(lastVersion);
  return rows[0]?.version ?? 0;
}
