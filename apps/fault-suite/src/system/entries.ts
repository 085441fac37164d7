/** Compares every entry in Redis with Postgres. */
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

async function scan(system: System, pattern: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const keys of system.cache.scanStream({ match: pattern, count: 1_000 }) as AsyncIterable<
    string[]
  >) {
    if (keys.length === 0) continue;
    const values = await system.cache.mget(keys);
    for (const [index, value] of values.entries()) {
      if (value !== null) found.set(keys[index]?.replace(/^[^:]*:/, '') ?? '', value);
    }
  }
  return found;
}

/** The entries that a reader would serve: fresh values and absences of the incarnation of the newest entry. */
async function liveEntries(system: System): Promise<Stored[]> {
  const headers = [...(await scan(system, 'product:*'))].map(([key, value]) => {
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
  const [seconds] = await system.cache.time();
  return headers
    .filter(
      ({ state, incarnation, freshUntil }) =>
        incarnation === current && freshUntil > Number(seconds) * 1000 && (state === 'V' || state === 'M'),
    )
    .map(({ key, version, state }) => ({ key, version, isValue: state === 'V' }));
}

async function plainEntries(system: System): Promise<Stored[]> {
  return [...(await scan(system, 'plain:*'))].map(([key, value]) => {
    const { version, present } = JSON.parse(value) as { version: number; present: boolean };
    return { key, version, isValue: present };
  });
}
