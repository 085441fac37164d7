import { startRedis, type RedisServer } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scripts } from '../../src/redis/scripts.ts';
import {
  encode,
  type EntryData,
  type Fill,
  type Operation,
  type KeyContent,
  transition,
  type ScriptAnswer,
} from './entry-protocol.ts';

/**
 * Runs every script on every entry and operation of a small domain in a real Redis, and compares it with the
 * specification.
 *
 * One larger script writes each entry and calls the unchanged text of ours as a function, with a TIME that we choose.
 * So hundreds of thousands of cases take seconds, and times compare exactly.
 */
let server: RedisServer;
let redis: Redis;
let replication = '';
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  replication = /^master_replid:(\w+)/m.exec(await redis.info('replication'))?.[1] ?? '';
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const NOW = 1_000_000;
const versions = [0, 1, 2, 3];

const leases = [
  { token: '', floor: 0, leaseUntil_ms: 0 },
  ...['mine', 'other'].flatMap((token) =>
    [NOW + 2_000, NOW, NOW - 1].flatMap((leaseUntil_ms) =>
      versions.map((floor) => ({ token, floor, leaseUntil_ms })),
    ),
  ),
];
/** Fresh; on both sides of the start of the refresh-ahead window (a tenth of 100,000); at the end of freshness; past it. */
const freshness = [50_000, 10_001, 10_000, 1, 0, -5_000].map((left_ms) => ({
  stored_ms: NOW + left_ms - 100_000,
  freshUntil_ms: NOW + left_ms,
}));

function everyEntry(): EntryData[] {
  const entries: EntryData[] = [];
  for (const incarnation of ['ours', 'former']) {
    for (const lease of leases) {
      if (lease.token !== '') {
        const bare = { stored_ms: 0, freshUntil_ms: 0, schema: 0, payload: '', version: 0 };
        entries.push({ state: 'A', ...bare, incarnation, ...lease, expiresAt_ms: NOW + 500_000 });
      }
      for (const state of ['V', 'M', 'D'] as const) {
        for (const version of versions) {
          for (const schema of [1, 2]) {
            for (const times of freshness) {
              const payload = state === 'M' ? '' : `{"v":${version}}\n`;
              entries.push({
                state,
                version,
                schema,
                payload,
                incarnation,
                ...times,
                ...lease,
                expiresAt_ms: NOW + 500_000,
              });
            }
          }
        }
      }
    }
  }
  return entries;
}

const common = { incarnation: 'ours', schema: 1 } as const;
const reads: Operation[] = [
  { kind: 'read-or-lease', ...common, token: 'mine', lease_ms: 3_000, refreshAhead: 0.1 },
];
const fills: Operation[] = ['', 'mine'].flatMap((token) =>
  (['V', 'M'] as const).flatMap((state) =>
    versions.map((version): Fill => ({
      kind: 'fill',
      ...common,
      token,
      state,
      version,
      fresh_ms: 7_000,
      ttl_ms: 90_000,
      payload: state === 'M' ? '' : '{"new":1}',
    })),
  ),
);
const invalidations: Operation[] = [...versions, Number.MAX_SAFE_INTEGER].map((version) => ({
  kind: 'invalidate',
  incarnation: 'ours',
  version,
  dead_ms: 60_000,
}));

function argsOf(operation: Operation): (string | number)[] {
  const { incarnation } = operation;
  switch (operation.kind) {
    case 'read-or-lease':
      return [
        incarnation,
        operation.schema,
        operation.token,
        operation.lease_ms,
        operation.refreshAhead,
        replication,
      ];
    case 'fill':
      return [
        incarnation,
        operation.schema,
        operation.token,
        operation.state,
        operation.version,
        operation.fresh_ms,
        operation.ttl_ms,
        operation.payload,
      ];
    case 'invalidate':
      return [incarnation, operation.dead_ms, operation.version];
  }
}

const texts = {
  'read-or-lease': scripts.readOrLease,
  fill: scripts.fill,
  invalidate: scripts.invalidateEach,
};

/** `invalidate_each` answers for each of its keys, and is given one here. */
const scriptAnswer = (operation: Operation, answer: ScriptAnswer) =>
  operation.kind === 'invalidate' ? [answer] : answer;

/** Writes each raw string and runs the operation on it. Answers { answer, raw or false, TTL left } for each. */
function bench(text: string): string {
  return `
    local server = redis
    local redis = { pcall = server.pcall, call = function(name, ...)
      if name == 'TIME' then return { '${NOW / 1_000}', '0' } end
      return server.call(name, ...)
    end }
    local function operate(KEYS, ARGV) ${text}\n end
    local results = {}
    local count = tonumber(ARGV[1])
    local args = {}
    for i = count + 2, #ARGV do args[#args + 1] = ARGV[i] end
    for i = 1, count do
      server.call('DEL', KEYS[1])
      if ARGV[i + 1] ~= '' then server.call('SET', KEYS[1], ARGV[i + 1], 'PX', 500000) end
      local answer = operate(KEYS, args)
      results[i] = { answer, server.call('GET', KEYS[1]), server.call('PTTL', KEYS[1]) }
    end
    return results`;
}

async function run(operation: Operation, raws: string[]): Promise<[unknown, string | null, number][]> {
  const text = bench(texts[operation.kind].text);
  const answer = await redis.eval(text, 1, 'entry', raws.length, ...raws, ...argsOf(operation));
  return answer as [unknown, string | null, number][];
}

/** The real clock of Redis runs on during the script, so TTLs are compared with a tolerance of two seconds. */
function expectSame(
  before: KeyContent,
  operation: Operation,
  [answer, raw, left_ms]: [unknown, string | null, number],
) {
  const expected = transition(before, operation, NOW);
  const scene = `${before === undefined ? 'nothing' : JSON.stringify(encode(before))} ← ${JSON.stringify(operation)}`;
  expect(answer, scene).toEqual(scriptAnswer(operation, expected.answer));
  expect(raw, scene).toBe(expected.entry === undefined ? null : encode(expected.entry));
  if (expected.entry === undefined) return;
  const ttl_ms = expected.entry.expiresAt_ms - NOW;
  if (left_ms > ttl_ms || left_ms < ttl_ms - 2_000) {
    expect.fail(`${scene}: TTL is ${left_ms} ms instead of ${ttl_ms}`);
  }
}

test.each([
  ['read_or_lease', reads],
  ['fill', fills],
  ['invalidate', invalidations],
])(
  '%s agrees with the specification on every entry',
  async (_name, operations) => {
    const entries: KeyContent[] = [undefined, ...everyEntry()];
    const chunk = 2_000;
    let pairs = 0;
    for (const operation of operations) {
      for (let from = 0; from < entries.length; from += chunk) {
        const part = entries.slice(from, from + chunk);
        const results = await run(
          operation,
          part.map((entry) => (entry === undefined ? '' : encode(entry))),
        );
        for (const [i, result] of results.entries()) {
          expectSame(part[i], operation, result);
          pairs += 1;
        }
      }
    }
    expect(pairs).toBe(operations.length * entries.length);
  },
  60_000,
);

test('an unreadable entry counts as absent: another format, a broken header, another Redis type', async () => {
  const garbage = ['x', '2|V|1|0|0|ours|1||0|0\n{}', '1|V|one|0|0|ours|1||0|0\n{}', '1|V|1|0|0|ours|1||0|0'];
  for (const operation of [...reads, ...fills, ...invalidations]) {
    for (const [i, [answer, raw]] of (await run(operation, garbage)).entries()) {
      const expected = transition(undefined, operation, NOW);
      expect(answer).toEqual(scriptAnswer(operation, expected.answer));
      const untouched = operation.kind === 'fill' ? garbage[i] : null;
      expect(raw).toBe(expected.entry === undefined ? untouched : encode(expected.entry));
    }
    await redis.del('entry');
    await redis.lpush('entry', 'a list');
    expect(await redis.eval(texts[operation.kind].text, 1, 'entry', ...argsOf(operation))).toEqual(
      scriptAnswer(operation, transition(undefined, operation, NOW).answer),
    );
  }
});

test('versions stay exact up to the end of the sequence', async () => {
  // ioredis' parser rounds the 48 numbers below 2^53. No version gets that high.
  const last = Number.MAX_SAFE_INTEGER - 48;
  const before: EntryData = {
    state: 'V',
    version: last - 1,
    schema: 1,
    payload: 'p',
    incarnation: 'ours',
    stored_ms: NOW,
    freshUntil_ms: NOW + 9_000,
    token: '',
    floor: 0,
    leaseUntil_ms: 0,
    expiresAt_ms: NOW + 500_000,
  };
  const fill: Fill = {
    kind: 'fill',
    ...common,
    token: '',
    state: 'V',
    version: last,
    fresh_ms: 1,
    ttl_ms: 9_000,
    payload: 'q',
  };
  for (const operation of [fill, ...invalidations]) {
    const [result] = await run(operation, [encode(before)]);
    if (result === undefined) expect.fail('Redis gave no answer');
    expectSame(before, operation, result);
  }
});
