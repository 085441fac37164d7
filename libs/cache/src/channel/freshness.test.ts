import { timings } from '../timings.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { Freshness, type Silence } from './freshness.ts';

let now_ms: number;
let own: string | undefined;
let freshness: Freshness;
let sequence: number;

const heartbeat = (watermarkAge_ms = 0, incarnation = 'ours') => ({
  publisher: 'worker',
  sequence: ++sequence,
  incarnation,
  watermarkAge_ms,
});
/** Every message is heard a little after it was sent. */
function hear(watermarkAge_ms?: number, incarnation?: string): { otherIncarnation: boolean } {
  now_ms += 2;
  return freshness.received(heartbeat(watermarkAge_ms, incarnation), now_ms - 1);
}

beforeEach(() => {
  now_ms = 10_000;
  own = 'ours';
  sequence = 0;
  freshness = new Freshness(
    () => now_ms,
    () => own,
  );
});

function begin(): void {
  freshness.subscribed();
  hear();
}

test('nothing is trusted until the process has subscribed and heard a heartbeat that was sent later', () => {
  expect(freshness.isSound()).toBe(false);
  freshness.subscribed();
  expect(freshness.isSound()).toBe(false);
  freshness.received(heartbeat(), now_ms - 1);
  expect(freshness.isSound()).toBe(false);
  hear();
  expect(freshness.isSound()).toBe(true);
  expect(freshness.isFresh('ours')).toBe(true);
});

test.each<[string, Silence, () => void]>([
  [
    'a gap in the sequence',
    'gap',
    () => {
      sequence += 1;
      hear();
    },
  ],
  ['a cut of the channel', 'disconnected', () => freshness.disconnected()],
  [
    'a heartbeat overdue',
    'overdue',
    () => {
      now_ms += timings.heartbeatOverdue_ms + 1;
    },
  ],
  [
    'another incarnation on our own connection',
    'incarnation',
    () => {
      own = 'other';
    },
  ],
  [
    'a new worker whose first messages were missed',
    'gap',
    () => {
      freshness.received({ publisher: 'second', sequence: 2, incarnation: 'ours', keys: [] }, now_ms);
    },
  ],
])('%s silences, and begins another epoch', (_name, silence, happens) => {
  begin();
  const epoch = freshness.soundEpoch();
  happens();
  expect(freshness.isSound()).toBe(false);
  expect(freshness.soundEpoch()).toBe(-1);
  expect(freshness.lastSilence).toBe(silence);
  expect(freshness.silences[silence]).toBe(1);
  own = 'ours';
  begin();
  expect(freshness.soundEpoch()).toBeGreaterThan(epoch);
});

test('after a gap, a heartbeat sent since then makes it sound again, and a delayed older one does not', () => {
  begin();
  sequence += 1;
  hear();
  const gapAt_ms = now_ms;
  now_ms += 300;
  freshness.received(heartbeat(), gapAt_ms - 1);
  expect(freshness.isSound()).toBe(false);
  hear();
  expect(freshness.isSound()).toBe(true);
});

test('the age of the watermark counts from the earliest moment at which its message can have been sent', () => {
  begin();
  now_ms += 900;
  freshness.received(heartbeat(500), now_ms - 200);
  expect(freshness.watermarkAge_ms).toBe(700);
  now_ms += timings.bound_ms - 700;
  expect(freshness.isFresh('ours')).toBe(true);
  now_ms += 1;
  expect(freshness.isFresh('ours')).toBe(false);
  expect(freshness.isFresh('other')).toBe(false);
  expect(freshness.isFresh(undefined)).toBe(false);
});

test('a heartbeat of another incarnation is not trusted, and makes us ask for our own incarnation again', () => {
  begin();
  now_ms += timings.bound_ms + 1;
  expect(hear(0, 'other')).toMatchObject({ otherIncarnation: true });
  expect(freshness.isFresh('ours')).toBe(false);
  expect(freshness.isFresh('other')).toBe(false);
  own = 'other';
  expect(hear(0, 'other')).toMatchObject({ otherIncarnation: false });
  expect(freshness.isFresh('other')).toBe(true);
  expect(freshness.isFresh('ours')).toBe(false);
});

test('a heartbeat that is heard while Redis answers does not make that answer fresh', () => {
  begin();
  now_ms += timings.bound_ms + 1;
  const isFresh = freshness.beforeAsking('ours');
  hear();
  expect(freshness.isFresh('ours')).toBe(true);
  expect(isFresh()).toBe(false);
  expect(freshness.beforeAsking('ours')()).toBe(true);
});

describe('a key that is set aside', () => {
  const place = { name: 'product', cacheKey: 'product:a' };
  const hearSetAside = (watermarkAge_ms: number, keys: string[], entities: string[] = []) => {
    now_ms += 2;
    const setAside = keys.length + entities.length > 0 ? { keys, entities } : undefined;
    freshness.received({ ...heartbeat(watermarkAge_ms), setAside }, now_ms - 1);
  };

  test('is not fresh after a heartbeat names it, until a later heartbeat does not', () => {
    begin();
    expect(freshness.beforeAsking('ours', place)()).toBe(true);
    hearSetAside(0, ['product:a']);
    expect(freshness.beforeAsking('ours', place)()).toBe(false);
    expect(freshness.beforeAsking('ours', { ...place, cacheKey: 'product:b' })()).toBe(true);
    expect(freshness.isFresh('ours')).toBe(true);
    hearSetAside(0, []);
    expect(freshness.beforeAsking('ours', place)()).toBe(true);
    hearSetAside(0, [], ['product']);
    expect(freshness.beforeAsking('ours', place)()).toBe(false);
  });

  test('stays set aside when another worker sends an older watermark and does not name it', () => {
    begin();
    hearSetAside(0, ['product:a']);
    hearSetAside(1_000, []);
    expect(freshness.isSetAside(place)).toBe(true);
  });

  test('is not fresh for a read that was sent while it was set aside', () => {
    begin();
    hearSetAside(0, ['product:a']);
    const isFresh = freshness.beforeAsking('ours', place);
    hearSetAside(0, []);
    expect(isFresh()).toBe(false);
  });
});

describe('of a shard', () => {
  const hearWith = (slots: string | undefined, watermarkAge_ms = 0) => {
    now_ms += 2;
    return freshness.received({ ...heartbeat(watermarkAge_ms), slots }, now_ms - 1);
  };
  let ownSlots: string;
  /** A key of slot 12739. */
  const place = { name: 'thing', cacheKey: '123456789' };
  const isFreshInRedis = () => freshness.beforeAsking('ours', place)();
  beforeEach(() => {
    ownSlots = '1 0-16383';
    freshness = new Freshness(
      () => now_ms,
      () => own,
      () => ownSlots,
    );
    freshness.subscribed();
    hearWith('1 0-16383');
  });

  test('a heartbeat with another view of the slots silences the near cache, and makes us learn the map again', () => {
    for (const slots of ['2 0-12739', undefined]) {
      expect(hearWith(slots)).toEqual({ otherIncarnation: false, otherSlots: true });
      expect([freshness.isSound(), freshness.lastSilence]).toEqual([false, 'slots']);
    }
    ownSlots = '2 0-12739';
    expect(hearWith('2 0-12739')).toEqual({ otherIncarnation: false, otherSlots: false });
    expect(freshness.isSound()).toBe(true);
  });

  test('Redis still counts for the slots in both views, with the newest watermark', () => {
    for (const [slots, isFresh] of [
      ['2 0-12739', true],
      ['3 12739', true],
      ['2 0-12738 12740-16383', false],
      [undefined, false],
    ] as const) {
      now_ms += timings.bound_ms + 1;
      expect(isFreshInRedis()).toBe(false);
      hearWith(slots);
      expect([isFreshInRedis(), freshness.isSetAside(place)]).toEqual([isFresh, !isFresh]);
    }
    hearWith('1 0-16383');
    expect(isFreshInRedis()).toBe(true);
  });

  test('other slots silence it until a heartbeat that was sent later, and Redis stays fresh', () => {
    const epoch = freshness.soundEpoch();
    ownSlots = '1 0-12739';
    freshness.slotsChanged();
    expect([freshness.isSound(), isFreshInRedis(), freshness.lastSilence]).toEqual([false, true, 'slots']);
    freshness.received({ ...heartbeat(), slots: ownSlots }, now_ms - 1);
    expect(freshness.isSound()).toBe(false);
    hearWith(ownSlots);
    expect(freshness.soundEpoch()).toBeGreaterThan(epoch);
  });

  test('a slot that the shard has just got is not fresh before a worker knows it', () => {
    ownSlots = '1 0-12738';
    hearWith('1 0-12738');
    ownSlots = '1 0-12739';
    freshness.slotsChanged();
    expect(isFreshInRedis()).toBe(false);
    hearWith('1 0-12739');
    expect(isFreshInRedis()).toBe(true);
  });
});
