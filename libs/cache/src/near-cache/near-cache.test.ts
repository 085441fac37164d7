import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { Freshness } from '../channel/freshness.ts';
import { hashOfKey } from './key-hash.ts';
import { NearCache, NearEntry, type Ticket } from './near-cache.ts';
import { NearReads } from './near-reads.ts';

let now_ms: number;
let freshness: Freshness;
let near: NearCache;
let sequence: number;

const hear = () =>
  freshness.received(
    { publisher: 'w', sequence: ++sequence, incarnation: 'ours', watermarkAge_ms: 0 },
    now_ms,
  );
const entry = (version: number, size = 1) =>
  new NearEntry(version, 'x'.repeat(size), now_ms, now_ms + 60_000);

beforeEach(() => {
  now_ms = 1_000;
  sequence = 0;
  const now = () => now_ms;
  freshness = new Freshness(now, () => 'ours');
  near = new NearCache(now, { maxBytes: 10_000 });
  freshness.subscribed();
  hear();
});

function keep(key: string, version: number): void {
  const ticket = near.begin(key, freshness);
  near.offer(ticket, entry(version));
  near.end(ticket);
}

test('an invalidation leaves an older entry to stale answers, and keeps one of the same version', () => {
  keep('a', 3);
  near.invalidate('a', 3);
  expect(near.get('a')?.version).toBe(3);
  near.invalidate('a', 4);
  expect(near.get('a')).toBeUndefined();
  expect(near.getStale('a')?.version).toBe(3);
  keep('a', 4);
  expect(near.get('a')?.version).toBe(4);
});

test('stale answers get the newest version that was offered or served', () => {
  const ticket = near.begin('a', freshness);
  near.invalidate('a', 5);
  near.offer(ticket, entry(4));
  expect([near.get('a'), near.getStale('a')?.version]).toEqual([undefined, 4]);
  near.keepStale('a', entry(3));
  expect(near.getStale('a')?.version).toBe(4);
  near.keepStale('a', entry(5));
  expect([near.get('a'), near.getStale('a')?.version]).toEqual([undefined, 5]);
  keep('a', 5);
  near.keepStale('a', entry(5));
  expect(near.get('a')?.version).toBe(5);
  near.forget('a');
  expect(near.getStale('a')).toBeUndefined();
});

test('a load that an invalidation has overtaken is not served again, and a newer load of the key is', () => {
  const ticket = near.begin('a', freshness);
  near.invalidate('a', 4);
  near.offer(ticket, entry(3));
  expect(near.get('a')).toBeUndefined();
  near.offer(ticket, entry(4));
  expect(near.get('a')?.version).toBe(4);
});

test('a load that began before a gap is not served after it', () => {
  const ticket = near.begin('a', freshness);
  sequence += 1;
  hear();
  now_ms += 1;
  hear();
  expect(freshness.isSound()).toBe(true);
  near.offer(ticket, entry(3));
  expect(near.get('a')).toBeUndefined();
});

test('an older load does not replace a newer one', () => {
  const early = near.begin('a', freshness);
  keep('a', 4);
  near.offer(early, entry(3));
  expect(near.get('a')?.version).toBe(4);
  near.invalidate('a', 2);
  const overtaken = near.begin('a', freshness);
  near.invalidate('a', 6);
  keep('a', 6);
  near.offer(overtaken, entry(5));
  expect(near.get('a')?.version).toBe(6);
});

test('a silent near cache serves only stale answers, and so does one past the soft TTL or past the bound', () => {
  keep('a', 3);
  freshness.disconnected();
  expect(near.get('a')).toBeUndefined();
  expect(near.getStale('a')?.version).toBe(3);

  freshness.subscribed();
  hear();
  expect(near.get('a')).toBeUndefined();
  keep('a', 3);
  now_ms += 60_000;
  freshness.received(
    { publisher: 'w', sequence: ++sequence, incarnation: 'ours', watermarkAge_ms: 0 },
    now_ms,
  );
  expect(near.get('a')).toBeUndefined();
});

test('it never holds more than its limit, and forgets loads that have ended', () => {
  for (let i = 0; i < 100; i++) {
    const ticket = near.begin(`k${i}`, freshness);
    near.offer(ticket, entry(1, 1_000));
    near.end(ticket);
  }
  expect(near.bytes).toBeLessThanOrEqual(10_000);
  expect(near.size).toBeLessThan(10);
  expect(near.size).toBeGreaterThan(0);
});

test('an entry that may displace no other is kept only while there is room, or in the place of an older one', () => {
  const offer = (key: string, version: number, mayDisplace: boolean) => {
    const ticket = near.begin(key, freshness);
    near.offer(ticket, entry(version, 1_000), mayDisplace);
    near.end(ticket);
  };
  for (let i = 0; i < 100; i++) offer(`k${i}`, 1, false);
  expect([near.get('k0')?.version, near.get('k99')]).toEqual([1, undefined]);
  offer('k0', 2, false);
  expect(near.get('k0')?.version).toBe(2);
  offer('k99', 1, true);
  expect(near.get('k99')?.version).toBe(1);
  expect(near.bytes).toBeLessThanOrEqual(10_000);
});

test('keys without a row take a small part of it, and leave the values of others', () => {
  const limited = new NearCache(() => now_ms, { maxBytes: 160_000 });
  const offer = (key: string, text: string | null) => {
    const ticket = limited.begin(key, freshness);
    limited.offer(ticket, new NearEntry(1, text, now_ms, now_ms + 60_000));
    limited.end(ticket);
  };
  for (let i = 0; i < 50; i++) offer(`value ${i}`, 'x'.repeat(1_000));
  for (let i = 0; i < 1_000; i++) offer(`absent ${i}`, null);
  for (let i = 0; i < 50; i++) expect(limited.get(`value ${i}`)?.text).toHaveLength(1_000);
  expect(limited.size).toBe(70);
  expect(limited.get('absent 999')?.text).toBeNull();
  // A key that has got a row is no longer one of them.
  offer('absent 990', 'now it is there');
  for (let i = 0; i < 100; i++) offer(`other ${i}`, null);
  expect(limited.get('absent 990')?.text).toBe('now it is there');
});

test.each([
  ['invalidated', () => near.invalidate('a', 4)],
  ['replaced', () => keep('a', 4)],
  ['kept for stale answers only', () => near.keepStale('a', entry(4))],
  ['forgotten', () => near.forget('a')],
  ['forgotten with all others', () => near.forgetAll()],
  ['displaced', () => [...Array(40).keys()].forEach((key) => keep(`k${key}`, 1))],
  ['too old', () => (now_ms += 60_000)],
  ['kept by a near cache that has missed a message', () => (sequence += 1) && hear()],
])('a handle gives the entry of its key, but not when it is %s', (_how, end) => {
  keep('a', 3);
  const kept = near.get('a') as NearEntry;
  const handle = near.handleOf('a', kept);
  expect([near.getBy(handle, now_ms), near.handleOf('a', kept)]).toEqual([kept, handle]);
  end();
  expect(near.getBy(handle, now_ms)).toBeUndefined();
});

test('entries that are read by their handles only are displaced after those that nobody reads', () => {
  const keys = [...Array(10).keys()].map((key) => `k${key}`);
  for (const key of keys) keep(key, 1);
  near.get('k1');
  const handle = near.handleOf('k0', near.get('k0') as NearEntry);
  for (let read = 0; read < 8; read++) near.getBy(handle, now_ms);
  let more = 0;
  while (near.size === 10 + more) keep(`m${more++}`, 1);
  // One of the ten is displaced by now, and eight more will be.
  for (let last = 0; last < 8; last++) keep(`n${last}`, 1);
  expect([near.getBy(handle, now_ms)?.version, near.getStale('k9')]).toEqual([1, undefined]);
});

const longKey = (index: number) => `a key that is hashed ${index}`;

test('whatever was kept, replaced, displaced or forgotten, it finds each key that it holds', () => {
  const step = fc.record({
    key: fc.integer({ min: 0, max: 40 }).map(longKey),
    size: fc.integer({ min: 1, max: 2_000 }),
    ends: fc.constantFrom('kept', 'kept', 'kept', 'forgotten', 'all forgotten'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      let version = 0;
      for (const { key, size, ends } of steps) {
        const ticket = near.begin(key, freshness);
        near.offer(ticket, entry(++version, size));
        near.end(ticket);
        if (ends === 'forgotten') near.forget(key);
        if (ends === 'all forgotten') near.forgetAll();
      }
      for (let key = 0; key <= 40; key++) {
        const held = near.getStale(longKey(key));
        expect(near.get(longKey(key))).toBe(held);
        if (held !== undefined) expect(near.mayHave(longKey(key))).toBe(true);
      }
    }),
  );
});

const entity = (cacheKey: (key: string) => string) => ({ name: 'thing', payloadSchema: 1, cacheKey });
test.each([
  ['at the end', entity((key) => `thing:${key}`)],
  ['in the middle', entity((key) => `thing:${key}:profile`)],
  ['alone', entity((key) => key)],
])('an entity finds what is kept under its keys, long or short: %s', (_, of) => {
  const reads = new NearReads(of, { near, now: () => now_ms });
  for (const key of ['a', 'a key of 16 char', '01a22d2c-dc25-7aee-86bf-c4ecb1c4be12']) {
    expect(reads.entry(key, now_ms)).toBeUndefined();
    keep(of.cacheKey(key), 3);
    expect(reads.entry(key, now_ms)?.version).toBe(3);
  }
});

test('an entity finds what the near cache holds, whatever was read before', () => {
  const of = entity((key) => `thing:${key}`);
  const keys = ['7', '17', '117', 'a key of 16 char', 'not a key of 16 char'];
  const step = fc.record({
    key: fc.constantFrom(...keys),
    does: fc.constantFrom(
      'keep',
      'keep',
      'read',
      'read',
      'read',
      'invalidate',
      'forget',
      'forget all',
      'wait',
    ),
    size: fc.constantFrom(1, 4_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      near = new NearCache(() => now_ms, { maxBytes: 10_000 });
      // Two places, so that all keys share them.
      const reads = new NearReads(of, { near, now: () => now_ms }, 2);
      for (const [at, { key, does, size }] of steps.entries()) {
        const cacheKey = of.cacheKey(key);
        if (does === 'keep') {
          const ticket = near.begin(cacheKey, freshness);
          near.offer(ticket, entry(at, size));
          near.end(ticket);
        } else if (does === 'invalidate') near.invalidate(cacheKey, at);
        else if (does === 'forget') near.forget(cacheKey);
        else if (does === 'forget all') near.forgetAll();
        else if (does === 'wait') {
          now_ms += 50_000;
          sequence += 1;
          hear();
        }
        expect(reads.entry(key, now_ms)).toBe(near.get(cacheKey));
      }
    }),
  );
});

test('loads of keys that share a hash do not touch each other', () => {
  const hash = hashOfKey('b');
  const a = near.begin('a', freshness, hash);
  const b = near.begin('b', freshness, hash);
  near.invalidate('b', 5);
  expect([a.floor, b.floor]).toEqual([0, 5]);
  near.end(a);
  near.invalidate('b', 6);
  expect(b.floor).toBe(6);
  near.end(b);
  near.invalidate('b', 7);
  expect(b.floor).toBe(6);
});

test('loads end in any order, and an invalidation reaches each that is in flight, and no other', () => {
  const order = fc.uniqueArray(fc.nat({ max: 9 }), { minLength: 10, maxLength: 10 });
  fc.assert(
    fc.property(order, fc.nat({ max: 10 }), (indexes, ended) => {
      const tickets = indexes.map(() => near.begin('a', freshness));
      // Ending twice is no harm.
      for (const index of [...indexes.slice(0, ended), ...indexes.slice(0, ended)])
        near.end(tickets[index] as Ticket);
      near.invalidate('a', 5);
      const floors = indexes.map((index) => tickets[index]?.floor);
      expect(floors).toEqual(indexes.map((_, place) => (place < ended ? 0 : 5)));
      for (const ticket of tickets) near.end(ticket);
    }),
  );
});

test('thousands of loads of one key end as quickly as loads of as many keys', () => {
  const time = (keyOf: (index: number) => string) => {
    const tickets = Array.from({ length: 20_000 }, (_, index) => near.begin(keyOf(index), freshness));
    const began_ms = performance.now();
    for (const ticket of tickets) near.end(ticket);
    return performance.now() - began_ms;
  };
  time(String);
  expect(time(() => 'a')).toBeLessThan(2 * Math.max(1, time(String)));
});
