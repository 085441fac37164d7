import type { QueryResultRow } from 'pg';
import type { Queryable } from '../postgres/pool.ts';
import { prepared } from '../postgres/retry-read.ts';
import { readRows } from '../postgres/unreadable.ts';
import type { EntityRow } from './entity-row.ts';

/** Loads keys of one entity. The answer has every key as the caller spelled it. */
export type Load<Body> = (db: Queryable, keys: readonly string[]) => Promise<Map<string, EntityRow<Body>>>;

/** The key as Postgres spells it; null for a key that no row can have: one bad key must not fail the others. */
type KeyForm = (key: string) => string | null;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const uuidKey: KeyForm = (key) => (uuid.test(key.toLowerCase()) ? key.toLowerCase() : null);
/** Postgres refuses NUL in any text; nothing stored has one. */
export const textKey: KeyForm = (key) => (key.includes('\0') ? null : key);

interface LoadedRow extends QueryResultRow {
  readonly key: string;
  readonly absentVersion: number | null;
  readonly version?: number;
}
const never: EntityRow<never> = { version: 0, body: null };

/**
 * The loader of an entity whose key is that of one row: one query, one snapshot.
 *
 * @param sql has the keys as $1 and answers one row for each: key, "absentVersion" and the columns of the body.
 *   "absentVersion" is null beside a row, and otherwise the version of its absence. A body without `version` has version 0.
 */
export function rowLoader<Body extends object>(entity: string, sql: string, keyForm: KeyForm): Load<Body> {
  return async (db, keys) => {
    const wanted = [...new Set(keys.map(keyForm).filter((key) => key !== null))];
    const found = new Map<string, EntityRow<Body>>();
    if (wanted.length > 0) {
      const rows = await readRows<LoadedRow>(
        db,
        prepared(`load ${entity}`, sql, [wanted]),
        entity,
        ({ key }) => key,
      );
      for (const { row, isUnreadable } of rows) {
        const { key, absentVersion, ...body } = row;
        const version = absentVersion ?? row.version ?? 0;
        found.set(key, {
          version,
          body: absentVersion === null && !isUnreadable ? (body as unknown as Body) : null,
        });
      }
    }
    return new Map(keys.map((key) => [key, found.get(keyForm(key) ?? '') ?? never]));
  };
}
