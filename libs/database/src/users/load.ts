import { USER_PROFILE, type UserProfile } from '@catalog/contracts';
import { z } from 'zod';
import type { EntityRow } from '../entities/entity-row.ts';
import type { Queryable } from '../postgres/pool.ts';
import { prepared } from '../postgres/retry-read.ts';
import { loadSql } from '../postgres/sql.ts';
import { readRows } from '../postgres/unreadable.ts';

const sql = loadSql(import.meta.url, './load.sql');
const uuid = z.uuid();

/** The users with these ids, in one query. A key that is no id is missing. */
export async function loadUserProfiles(
  db: Queryable,
  ids: readonly string[],
): Promise<Map<string, EntityRow<UserProfile>>> {
  const wanted = [...new Set(ids)].filter((id) => uuid.safeParse(id).success);
  const rows = await readRows<UserProfile>(
    db,
    prepared('users/load', sql, [wanted]),
    USER_PROFILE.name,
    ({ id }) => id,
  );
  const readable = rows.filter(({ isUnreadable }) => !isUnreadable);
  const found = new Map(readable.map(({ row }) => [row.id, row]));
  return new Map(ids.map((id) => [id, { version: 0, body: found.get(id) ?? null }]));
}
