/** Compares every entry in Redis with Postgres. */
import type { Redis } from 'ioredis';
import type { System } from './system.ts';

interface Stored {
  readonly key: string;
  readonly version: number;
  readonly isValue: boolean;
}

/** @returns one sentence for each wrong entry */
export async function wrongEntries(system: System): Promise<string[]> {
  const entries = await (system.plain ? plainEntries(system) : liveEntries(system));
  const { rows } = await system.sql.query<{ key: string; version: number; present: boolean }>(
    `select id::text as key, version, true as present from catalog.products where id = any ($1::uuid[])
     union all select key, version, false from catalog.tombstones where entity = 'product' and key = any ($1::text[])`,
    [entries.map(({ key }) => key)],
  );
  const truth = new Map(rows.map((row) => [row.key, row]));
  return entries.flatMap(({ key, version, isValue }) => {
    const row = truth.get(key);
    if (isValue ? row?.present === true && row.version === version : row?.present !== true) return [];
    const there =
      row === undefined ? 'nothing' : `${row.present ? 'version' : 'a tombstone with'} ${row.version}`;
    return [
      `Redis holds ${isValue ? 'version' : 'absence with'} ${version} of ${key}, Postgres has ${there}`,
    ];
  });
}

async function scan(server: Redis, pattern: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const keys of server.scanStream({ match: pattern, count: 1_000 }) as AsyncIterable<string[]>) {
    const pipeline = server.pipeline();
    // No MGET: a node of a cluster takes keys of one slot only.
    for (const key of keys) pipeline.get(key);
    const answers = (await pipeline.exec()) ?? [];
    for (const [index, [error, value]] of answers.entries()) {
      // A replica may have been promoted meanwhile, or a slot may have moved.
      if (error === null && value !== null)
        found.set(keys[index]?.replace(/^[^:]*:/, '') ?? '', value as string);
    }
  }
  return found;
}

/** The entries that a reader would serve: fresh values and absences, of the incarnation of the newest entry on each server. */
async function liveEntries({ cache }: System): Promise<Stored[]> {
  const servers = await cache.masters();
  return (await Promise.all(servers.map(liveEntriesOf))).flat();
}

async function liveEntriesOf(server: Redis): Promise<Stored[]> {
  const headers = [...(await scan(server, 'product:*'))].map(([key, value]) => {
    const [, state, version, stored, freshUntil, incarnation] = (value.split('\n', 1)[0] ?? '').split('|');
    return {
      key,
      state,
      version: Number(version),
      stored: Number(stored),
      freshUntil: Number(freshUntil),
      incarnation,
    };
  });
  const current = headers.toSorted((a, b) => b.stored - a.stored)[0]?.incarnation;
  const [seconds] = await server.time();
  return headers
    .filter(
      ({ state, incarnation, freshUntil }) =>
        incarnation === current && freshUntil > Number(seconds) * 1000 && (state === 'V' || state === 'M'),
    )
    .map(({ key, version, state }) => ({ key, version, isValue: state === 'V' }));
}

async function plainEntries({ cache }: System): Promise<Stored[]> {
  const [server] = await cache.masters();
  if (server === undefined) return [];
  return [...(await scan(server, 'plain:*'))].map(([key, value]) => {
    const { version, present } = JSON.parse(value) as { version: number; present: boolean };
    return { key, version, isValue: present };
  });
}
