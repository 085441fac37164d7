/**
 * The changes of products for other services, each committed change once.
 *
 * Versions are drawn before the commit, so a transaction may commit a lower version after a higher one was read. So a cursor is
 * a snapshot of Postgres: the next page has what the present snapshot shows and that one does not. Within it, changes are in
 * the order of their versions, so those of one product are in order.
 *
 * An index finds changes by version, so each cursor knows a version below all that its follower has not seen. That is `newest`
 * for transactions that began after its snapshot, and `openAfter` for those that its snapshot lists as open.
 */
import { CatalogError, type FollowedChange } from '@catalog/contracts';
import type { Pool, PoolClient } from 'pg';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';
import { withConnection } from '../postgres/transaction.ts';
import { type ChangeCursor, type Moment, writeCursor } from './cursor.ts';
import { compareOpen } from './snapshot.ts';

const sql = {
  newest: loadSql(import.meta.url, './newest.sql'),
  takeNumber: loadSql(import.meta.url, './take-number.sql'),
  snapshot: loadSql(import.meta.url, './snapshot.sql'),
  searchFrom: loadSql(import.meta.url, './search-from.sql'),
  page: loadSql(import.meta.url, './page.sql'),
  existing: loadSql(import.meta.url, './existing.sql'),
};

const day_ms = 86_400_000;
/** The newest change is searched this far back. If it is older, a mark knows it. */
const newestWithin_ms = 2 * day_ms;
/** A search skips changes that the follower has seen. One statement looks at this many rows at most, which takes about 20 ms. */
const widestSearch = 5_000;
/**
 * The rows that one page searches at most: less than 100 ms, whatever a cursor says. So a page may be empty although more changes
 * follow, but its cursor has moved.
 */
const searchedPerPage = 20_000;

export type ReadChange = Omit<FollowedChange, 'entity' | 'product'>;

export interface ChangesPage {
  readonly changes: readonly ReadChange[];
  /** Where the next page begins. */
  readonly next: ChangeCursor;
  /** Whether more may follow at once. */
  readonly hasMore: boolean;
}

export type ChangesStart = ChangeCursor | 'oldest' | 'latest' | 'snapshot';

interface Newest {
  readonly incarnation: string;
  readonly newest: number;
  readonly keptAfter: number;
}

/**
 * @param pool of a service
 * @param limit how many changes at most
 * @throws CatalogError `changes_gone`
 */
export function readChanges(pool: Pool, start: ChangesStart, limit: number): Promise<ChangesPage> {
  // One session, so that one server answers all statements.
  return withConnection(pool, (client) => readChangesWith(client, start, limit));
}

async function readChangesWith(client: PoolClient, start: ChangesStart, limit: number): Promise<ChangesPage> {
  const now = await readNewest(client);
  const cursor = typeof start === 'string' ? await begin(client, now, start) : start;
  requireKept(cursor, now);
  if (cursor.existing !== undefined) return readExisting(client, cursor, cursor.existing, limit);
  const next = cursor.next ?? (await nextMoment(client, cursor.seen, now));
  // Nothing was committed, so the follower keeps its cursor.
  if (next === undefined) return { changes: [], next: cursor, hasMore: false };
  requireKept({ ...cursor, next }, now);
  return readPage(client, { ...cursor, next }, limit);
}

/** The newest committed version. Followers that have seen it have nothing to read. */
export async function readNewest(db: Queryable): Promise<Newest> {
  const now_ms = Date.now();
  const { rows } = await db.query<Newest>(sql.newest, [
    new Date(now_ms - newestWithin_ms).toISOString(),
    new Date(now_ms + day_ms).toISOString(),
  ]);
  return only(rows);
}

async function begin(
  client: PoolClient,
  { incarnation, newest, keptAfter }: Newest,
  start: 'oldest' | 'latest' | 'snapshot',
): Promise<ChangeCursor> {
  if (start === 'oldest') {
    const seen = { snapshot: '1:1:', time_ms: 0, newest: keptAfter, openAfter: keptAfter };
    return { incarnation, seen };
  }
  const seen = await readMoment(client, newest, keptAfter);
  return { incarnation, seen, ...(start === 'snapshot' && { existing: null }) };
}

/** The present moment, for a follower that knows of no earlier one. */
async function readMoment(client: PoolClient, newest: number, keptAfter: number): Promise<Moment> {
  await client.query(sql.takeNumber);
  const { snapshot, time, openAfter } = only(
    (await client.query<{ snapshot: string; time: string; openAfter: number | null }>(sql.snapshot)).rows,
  );
  return {
    snapshot,
    // The driver cuts off microseconds. All changes of the snapshot are before this time.
    time_ms: Date.parse(time) + 1,
    newest,
    // A transaction that is open since before the kept changes: when it ends, the follower has to begin again.
    openAfter: openAfter ?? keptAfter - 1,
  };
}

/** Undefined if nothing was committed since. */
async function nextMoment(
  client: PoolClient,
  seen: Moment,
  { newest, keptAfter }: Newest,
): Promise<NonNullable<ChangeCursor['next']> | undefined> {
  const hadOpen = !seen.snapshot.endsWith(':');
  if (newest <= seen.newest && !hadOpen) return undefined;
  const moment = await readMoment(client, Math.max(newest, seen.newest), keptAfter);
  const { someEnded, someStayed } = compareOpen(seen.snapshot, moment.snapshot);
  if (newest <= seen.newest && !someEnded) return undefined;
  const lowest = Math.min(seen.openAfter, seen.newest);
  return {
    after: someEnded ? lowest : seen.newest,
    // The transactions that are open now were open then, or began later and have drawn versions beyond `seen.newest`.
    moment: { ...moment, openAfter: someStayed ? lowest : seen.newest },
  };
}

function requireKept({ incarnation, seen, next }: ChangeCursor, now: Newest): void {
  if (incarnation !== now.incarnation)
    throw gone(
      'other_incarnation',
      'is from before Postgres failed over or was restored, when changes may have been lost',
    );
  if (next !== undefined && next.after < now.keptAfter)
    throw gone('too_old', 'is older than the changes that are kept');
  if (next === undefined && seen.newest < now.keptAfter)
    throw gone('too_old', 'is older than the changes that are kept');
}

function gone(code: string, message: string): CatalogError {
  return new CatalogError(
    'changes_gone',
    `The cursor ${message}. Read all products with after=snapshot, and follow from there.`,
    { errors: [{ parameter: 'after', code, message }] },
  );
}

interface FoundRow {
  readonly searched: number;
  readonly last: number | null;
  readonly id: string | null;
  readonly version: number;
  readonly operation: 'create' | 'update' | 'delete';
  readonly changedBy: string;
  readonly changedAt: string;
  readonly changedFields: string[];
}

const kinds = { create: 'created', update: 'updated', delete: 'deleted' } as const;

async function readPage(
  client: PoolClient,
  cursor: ChangeCursor & { readonly next: NonNullable<ChangeCursor['next']> },
  limit: number,
): Promise<ChangesPage> {
  const { incarnation, seen } = cursor;
  const { moment } = cursor.next;
  const changes: ReadChange[] = [];
  let { after } = cursor.next;
  const from = only((await client.query<{ time: string }>(sql.searchFrom, [after])).rows).time;
  const until = new Date(Date.now() + day_ms).toISOString();
  // Mostly the follower has seen none of them. Each search that finds too few is followed by a wider one.
  let window = Math.min(limit + 1, widestSearch);
  for (let searched = 0; searched < searchedPerPage; searched += window) {
    const wanted = limit - changes.length;
    const { rows } = await client.query<FoundRow>(sql.page, [
      after,
      from,
      until,
      window,
      seen.snapshot,
      new Date(seen.time_ms).toISOString(),
      moment.snapshot,
      wanted,
    ]);
    const found = rows.flatMap(({ id, operation, version, changedBy, changedAt, changedFields }) => {
      if (id === null) return [];
      const at = writeCursor({ incarnation, seen, next: { moment, after: version } });
      return { cursor: at, key: id, kind: kinds[operation], version, changedFields, changedBy, changedAt };
    });
    changes.push(...found);
    const { searched: looked, last } = only(rows);
    if (found.length < wanted && looked < window) {
      // The follower has arrived.
      return { changes, next: { incarnation, seen: moment }, hasMore: false };
    }
    after = found.length < wanted ? (last ?? after) : (found.at(-1)?.version ?? after);
    if (found.length === wanted) break;
    window = Math.min(window * 4, widestSearch);
  }
  return { changes, next: { incarnation, seen, next: { moment, after } }, hasMore: true };
}

async function readExisting(
  client: PoolClient,
  { incarnation, seen }: ChangeCursor,
  behind: string | null,
  limit: number,
): Promise<ChangesPage> {
  const { rows } = await client.query<{ id: string; version: number; changedAt: string }>(sql.existing, [
    behind,
    limit,
  ]);
  const changes = rows.map(({ id, version, changedAt }) => ({
    cursor: writeCursor({ incarnation, seen, existing: id }),
    key: id,
    kind: 'existing' as const,
    version,
    changedFields: [],
    changedBy: null,
    changedAt,
  }));
  const last = rows.at(-1)?.id;
  return rows.length < limit || last === undefined
    ? { changes, next: { incarnation, seen }, hasMore: true }
    : { changes, next: { incarnation, seen, existing: last }, hasMore: true };
}

function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('a statement of libs/database/src/changes answered no row');
  return row;
}
