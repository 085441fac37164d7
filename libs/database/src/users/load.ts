import type { UserProfile } from '@catalog/contracts';
import { z } from 'zod';
import type { Loaded } from '../entities/loaded.ts';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';

const sql = loadSql(import.meta.url, './load.sql');
const uuid = z.uuid();

/** The users with these ids, in one query. What is no id is missing. */
export async function loadUserProfiles(
  db: Queryable,
  ids: readonly string[],
): Promise<Map<string, Loaded<UserProfile>>> {
  const wanted = [...new Set(ids)].filter((id) => uuid.safeParse(id).success);
  const { rows } = await db.query<UserProfile>({ name: 'users/load', text: sql, values: [wanted] });
  const found = new Map(rows.map((profile) => [profile.id, profile]));
  return new Map(ids.map((id) => [id, { version: 0, body: found.get(id) ?? null }]));
}
