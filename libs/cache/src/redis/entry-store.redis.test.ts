import { startRedis, type RedisServer } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CacheConnection } from './cache-connection.ts';
import { InvalidationPublisher } from '../invalidating/invalidation-publisher.ts';
import { EntryStore, withoutLease } from './entry-store.ts';

let server: RedisServer;
let admin: Redis;
let connection: CacheConnection;
let store: EntryStore;
let database = 'database';

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
  connection = new CacheConnection({
    url: server.url,
    name: 'test',
    database: { currentIncarnation: () => Promise.resolve(database) },
    onError: () => undefined,
  });
  await connection.start();
  store = new EntryStore(connection);
});
beforeEach(() => admin.flushall());
afterAll(async () => {
  connection.stop();
  admin.disconnect();
  await server.stop();
});

const loaded = (version: number, text: string | null = `{"v":${version}}`) => ({
  version,
  payload: text === null ? null : Buffer.from(text),
});
/** @returns whether a live entry was invalidated */
async function invalidate(key: string, version: number): Promise<boolean> {
  const [outcome] = await new InvalidationPublisher(connection).invalidate([[key, version]]);
  if (outcome?.status !== 'fulfilled') expect.fail(`${key} was not invalidated`);
  return outcome.value;
}
async function put(key: string, version: number, text?: string | null): Promise<void> {
  const { grant } = await store.readOrLease(key, 1, 'putter');
  expect(await store.fill(key, 1, grant, loaded(version, text), 60_000)).toEqual({
    stored: true,
    newer: undefined,
  });
}

test('a miss gives one reader the lease, its fill is read by all, byte for byte', async () => {
  const first = await store.readOrLease('k', 1, 'one');
  expect(first).toMatchObject({ state: 'absent', lease: 'granted' });
  expect(await store.readOrLease('k', 1, 'two')).toMatchObject({ state: 'absent', lease: 'busy' });
  const payload = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  await store.fill('k', 1, first.grant, { version: 5, payload }, 60_000);
  const hit = await store.readOrLease('k', 1, 'two');
  expect(hit).toMatchObject({ state: 'value', version: 5, lease: 'not-needed' });
  expect(hit.payload.equals(payload)).toBe(true);
  expect(hit.freshFor_ms).toBeGreaterThan(50_000);
});

test('absence is kept with its version, and a later row replaces it', async () => {
  await put('k', 3, null);
  expect(await store.readOrLease('k', 1, 'x')).toMatchObject({ state: 'missing', version: 3 });
  expect(await invalidate('k', 4)).toBe(true);
  expect(await store.readOrLease('k', 1, 'x')).toMatchObject({ state: 'absent', lease: 'granted' });
});

test('a fill that an invalidation has overtaken is refused; its payload is only seen as dead', async () => {
  await put('k', 3);
  expect(await invalidate('k', 4)).toBe(true);
  expect(await invalidate('k', 4)).toBe(false);
  const { grant } = await store.readOrLease('k', 1, 'slow');
  expect(await invalidate('k', 5)).toBe(false);
  expect(await store.fill('k', 1, grant, loaded(4), 60_000)).toMatchObject({ stored: false });
  expect(await store.readOrLease('k', 1, 'x')).toMatchObject({ state: 'dead', version: 3 });
});

test('a refused fill returns the newer entry', async () => {
  await put('k', 7);
  const { newer } = await store.fill(
    'k',
    1,
    withoutLease(connection.requireIncarnation()),
    loaded(6),
    60_000,
  );
  expect(newer).toMatchObject({ state: 'value', version: 7, payload: Buffer.from('{"v":7}') });
});

test('a payload of another schema is not shown, and the newer deploy can fill over it', async () => {
  await put('k', 7);
  const other = await store.readOrLease('k', 2, 'new');
  expect(other).toMatchObject({ state: 'absent', lease: 'granted' });
  await store.fill('k', 2, other.grant, loaded(7, 'new shape'), 60_000);
  expect(await store.readOrLease('k', 2, 'x')).toMatchObject({ state: 'value', version: 7 });
  expect(await store.readOrLease('k', 1, 'x')).toMatchObject({ state: 'absent' });
});

test('an entry of another incarnation counts as absent, and a read that began in it fills nothing', async () => {
  const begun = await store.readOrLease('begun', 1, 'slow');
  await put('k', 7);
  database = 'restored from a backup';
  await connection.relearn();
  try {
    expect(await store.readOrLease('k', 1, 'x')).toMatchObject({ state: 'absent', lease: 'granted' });
    const fill = await store.fill('begun', 1, begun.grant, loaded(7), 60_000);
    expect(fill).toEqual({ stored: false, newer: undefined });
    expect(await store.inspect('begun')).toMatchObject({ isOfThisIncarnation: false });
  } finally {
    database = 'database';
    await connection.relearn();
  }
});

test('scripts that Redis has lost are sent again', async () => {
  await put('k', 3);
  await admin.script('FLUSH');
  expect(await store.readOrLease('k', 1, 'x')).toMatchObject({ state: 'value', version: 3 });
  await admin.script('FLUSH');
  expect(await invalidate('k', 4)).toBe(true);
});

test('inspect changes nothing, takes no lease, and names an unreadable entry', async () => {
  expect(await store.inspect('k')).toEqual({ state: 'absent' });
  await put('k', 3);
  const seen = await store.inspect('k');
  expect(seen).toMatchObject({ state: 'value', version: 3, payloadSchema: 1, isOfThisIncarnation: true });
  expect(seen.isLeased).toBe(false);
  expect(seen.ttl_ms).toBeGreaterThan(0);
  await store.readOrLease('leased', 1, 'x');
  expect(await store.inspect('leased')).toMatchObject({ state: 'absent', isLeased: true });
  await admin.set('k', 'garbage');
  expect(await store.inspect('k')).toMatchObject({ state: 'unreadable' });
});

test('only the holder ends its lease, and the payload stays', async () => {
  const { grant } = await store.readOrLease('k', 1, 'one');
  const { grant: busy } = await store.readOrLease('k', 1, 'two');
  expect(await store.endLease('k', busy)).toBe(false);
  expect(await store.endLease('k', { ...grant, token: 'two' })).toBe(false);
  expect(await store.readOrLease('k', 1, 'two')).toMatchObject({ lease: 'busy' });
  expect(await store.endLease('k', grant)).toBe(true);
  expect(await admin.exists('k')).toBe(0);
  // The former holder does not fill any more.
  expect(await store.fill('k', 1, grant, loaded(1), 60_000)).toMatchObject({ stored: false });
  const next = await store.readOrLease('k', 1, 'three');
  expect(next.lease).toBe('granted');
  await store.fill('k', 1, next.grant, loaded(2), 60_000);
  await invalidate('k', 3);
  const again = await store.readOrLease('k', 1, 'four');
  expect(again).toMatchObject({ state: 'dead', version: 2, lease: 'granted' });
  expect(await store.endLease('k', again.grant)).toBe(true);
  expect(await store.readOrLease('k', 1, 'five')).toMatchObject({
    state: 'dead',
    version: 2,
    lease: 'granted',
  });
});
