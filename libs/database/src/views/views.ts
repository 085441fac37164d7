import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';

const sql = {
  archive: loadSql(import.meta.url, './archive.sql'),
  page: loadSql(import.meta.url, './page.sql'),
  ids: loadSql(import.meta.url, './ids.sql'),
  prune: loadSql(import.meta.url, './prune.sql'),
};

export interface ProductViews {
  readonly id: string;
  readonly views: number;
}

/** Copies view counts to Postgres. Returns the ids that are no products, for instance deleted ones. */
export async function archiveViews(client: Queryable, counts: readonly ProductViews[]): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(sql.archive, [
    counts.map(({ id }) => id),
    counts.map(({ views }) => views),
  ]);
  const known = new Set(rows.map(({ id }) => id));
  return counts.map(({ id }) => id).filter((id) => !known.has(id));
}

/** A page of archived counts of existing products, by id, after `after`; empty at the end. */
export async function archivedViews(
  db: Queryable,
  after: string | null,
  limit: number,
): Promise<ProductViews[]> {
  const { rows } = await db.query<ProductViews>(sql.page, [after, limit]);
  return rows;
}

/** A page of ids that have an archived count, also of deleted products, after `after`; empty at the end. */
export async function archivedViewIds(db: Queryable, after: string | null, limit: number): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(sql.ids, [after, limit]);
  return rows.map(({ id }) => id);
}

/** Deletes the archived counts of ids that are no products. Returns those ids. */
export async function pruneViews(db: Queryable, ids: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(sql.prune, [ids]);
  return rows.map(({ id }) => id);
}
