import { afterAll, expect, test, vi } from 'vitest';
import { hashingLimits } from '../accounts/password-hash.ts';
import { password, runningConsole, type RunningConsole } from '../testing/running-console.ts';
import { localPath } from './routes.ts';
import { throttleRules } from './throttle.ts';

const endless = { points: 1_000_000, duration_s: 60 };
const unthrottled = { pair: endless, account: endless, address: endless };

// Each attempt computes a password hash, which is slow on purpose. Dozens of them take minutes on a busy machine.
vi.setConfig({ testTimeout: 240_000 });

const running = await runningConsole({ throttle: unthrottled });
afterAll(() => running[Symbol.asyncDispose]());

const attempt = (
  on: RunningConsole,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> => on.call('POST', '/sign-in', { form, headers });

const seen = async (response: Response): Promise<unknown> => ({
  status: response.status,
  body: (await response.text())
    .replaceAll(/"requestId":"[^"]*"/g, '')
    .replaceAll(/name="username"[^>]*value="[^"]*"/g, ''),
  headers: [...response.headers].filter(
    ([name]) => !['date', 'x-request-id', 'content-length'].includes(name),
  ),
});

test('an unknown user and a wrong password get the same answer, as page and as problem', async () => {
  for (const Accept of ['text/html', 'application/json']) {
    const wrong = await seen(await attempt(running, { username: 'admin', password: 'wrong' }, { Accept }));
    const unknown = await seen(await attempt(running, { username: 'nobod', password: 'wrong' }, { Accept }));
    const absurd = await seen(await attempt(running, { username: "'; --", password: 'wrong' }, { Accept }));
    expect(wrong).toMatchObject({ status: 401 });
    expect(unknown).toEqual(wrong);
    expect(absurd).toEqual(wrong);
  }
});

test('an unknown user and a wrong password take the same time: 200 trials of each reveal no difference', async () => {
  const taken: Record<'wrong' | 'unknown', number[]> = { wrong: [], unknown: [] };
  const trial = async (kind: 'wrong' | 'unknown'): Promise<void> => {
    const began = performance.now();
    const answer = await attempt(running, {
      username: kind === 'wrong' ? 'admin' : 'nobody',
      password: 'not it',
    });
    await answer.arrayBuffer();
    taken[kind].push(performance.now() - began);
  };
  for (let count = 0; count < 200; count++) {
    // In alternating order, so that other load on the machine affects both kinds.
    const order = count % 2 === 0 ? (['wrong', 'unknown'] as const) : (['unknown', 'wrong'] as const);
    for (const kind of order) await trial(kind);
  }
  // How often a random "unknown" took longer than a random "wrong". It is 0.5, with a standard deviation of 0.03, when
  // the time reveals nothing. Without the hash for unknown users it is 0.
  let longer = 0;
  for (const wrong of taken.wrong) for (const unknown of taken.unknown) if (unknown > wrong) longer++;
  const share = longer / (taken.wrong.length * taken.unknown.length);
  expect(share).toBeGreaterThan(0.35);
  expect(share).toBeLessThan(0.65);
});

test('50 sign-ins at once do not stall other requests', async () => {
  const began = performance.now();
  const work = { pending: true };
  const attempts = Promise.all(
    Array.from({ length: 50 }, () => attempt(running, { username: 'admin', password })),
  ).finally(() => (work.pending = false));
  const reads: number[] = [];
  while (work.pending) {
    const asked = performance.now();
    expect((await running.call('GET', '/livez')).status).toBe(200);
    reads.push(performance.now() - asked);
  }
  const all_ms = performance.now() - began;
  expect((await attempts).map(({ status }) => status)).toEqual(Array(50).fill(303));
  // If hashing ran on the event loop, the first of these reads would wait for all 50 hashes.
  expect(Math.max(...reads)).toBeLessThan(all_ms / 4);
});

test('somebody who signs in again and again lets others in as before, and locks out nobody', async () => {
  await using throttled = await runningConsole();
  const greedy = { isDone: false };
  const attempts = Promise.all(
    Array.from({ length: 150 }, () => attempt(throttled, { username: 'viewer', password })),
  ).finally(() => (greedy.isDone = true));
  for (let count = 0; count < 5; count++) await throttled.signIn('admin');
  expect(greedy.isDone).toBe(false);
  expect(new Set((await attempts).map(({ status }) => status))).toEqual(new Set([303, 429]));
  await throttled.signIn('editor');
});

test('passwords and typed user names appear neither in the log nor in Postgres nor in Redis', async () => {
  await attempt(running, { username: 'canary-in-the-name', password: 'canary-in-the-password' });
  await attempt(running, { username: 'admin', password: 'canary-in-the-password' }, { Accept: 'text/html' });
  expect(running.logLines.join('\n')).not.toContain('canary');
  const { rows } = await running.owner.query('select * from catalog.console_users');
  expect(JSON.stringify(rows)).not.toContain(password);
  const values = await Promise.all(
    (await running.redis.keys('throttle:*')).map((key) => running.redis.get(key)),
  );
  expect(JSON.stringify([await running.redis.keys('*'), values])).not.toContain('canary');
});

test.each<[string, Record<string, string>, Record<string, string>, number]>([
  ['no password', { username: 'admin' }, {}, 400],
  ['an unknown field', { username: 'admin', password, role: 'admin' }, {}, 400],
  ['an overlong password', { username: 'admin', password: 'x'.repeat(257) }, {}, 400],
  ['an overlong body', { username: 'admin', password: 'x'.repeat(9_000) }, {}, 413],
  ['a JSON body', { username: 'admin', password }, { 'Content-Type': 'application/json' }, 415],
  ['a NUL in the name', { username: 'admin\0', password }, {}, 401],
])('a sign-in with %s is refused', async (_name, form, headers, status) => {
  expect((await attempt(running, form, headers)).status).toBe(status);
});

test('user names ignore case and surrounding blanks', async () => {
  expect((await attempt(running, { username: ' Admin', password })).status).toBe(303);
});

test.each([
  ['/queues/?a=b', '/queues/?a=b'],
  ['//evil.example/', '/'],
  ['/\\evil.example', '/'],
  ['/\t/evil.example', '/'],
  ['https://evil.example', '/'],
  ['javascript:alert(1)', '/'],
  ['/.//evil.example', '/evil.example'],
  ['/..//evil.example', '/evil.example'],
  ['/./\\\\evil.example', '/evil.example'],
  ['/a/..//evil.example', '/evil.example'],
  ['/%2e//evil.example', '/evil.example'],
  ['/.///evil.example?a=b', '/evil.example?a=b'],
  [undefined, '/'],
])('after signing in, %j leads to %j', (given, leads) => {
  expect(localPath(given)).toBe(leads);
});

test('after ten wrong passwords even the right one is refused for a while, also for an unknown user', async () => {
  await using throttled = await runningConsole();
  for (const username of ['admin', 'nobody']) {
    const statuses = [];
    for (let count = 0; count < throttleRules.pair.points; count++)
      statuses.push((await attempt(throttled, { username, password: 'wrong' })).status);
    expect(statuses).toEqual(Array(throttleRules.pair.points).fill(401));
    const late = await attempt(throttled, { username, password });
    expect(late.status).toBe(429);
    const wait_s = Number(late.headers.get('retry-after'));
    expect(wait_s).toBeGreaterThan(0);
    expect(wait_s).toBeLessThanOrEqual(throttleRules.pair.duration_s);
    const page = await attempt(throttled, { username, password }, { Accept: 'text/html' });
    expect(await page.text()).toContain('Try again in 15 minutes.');
  }
  // Other users at the same address can still sign in.
  await throttled.signIn('viewer');
  // None of these computes a hash. If they did, the hasher would refuse some of so many with another status.
  const late = await Promise.all(
    Array.from({ length: 3 * (hashingLimits.atOnce + hashingLimits.waiting) }, () =>
      attempt(throttled, { username: 'admin', password }),
    ),
  );
  expect(new Set(late.map(({ status }) => status))).toEqual(new Set([429]));
});

test('somebody who is locked out and goes on locks out nobody else at the same address', async () => {
  await using throttled = await runningConsole();
  const wrong = () => attempt(throttled, { username: 'nobody', password: 'wrong' });
  const { pair, address } = throttleRules;
  for (let count = 0; count < pair.points + address.points + 10; count++) await wrong();
  expect((await wrong()).status).toBe(429);
  await throttled.signIn('viewer');
});

test('parallel attempts are counted exactly, and every counter has a TTL', async () => {
  await using throttled = await runningConsole();
  const answers = await Promise.all(
    Array.from({ length: 40 }, () => attempt(throttled, { username: 'admin', password: 'wrong' })),
  );
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(throttleRules.pair.points);
  expect(statuses.filter((status) => status === 429)).toHaveLength(40 - throttleRules.pair.points);
  for (const key of await throttled.redis.keys('throttle:*'))
    expect(await throttled.redis.pttl(key)).toBeGreaterThan(0);
});

test('while the state Redis is nearly full nobody can sign in, and attempts add no keys', async () => {
  await using nearlyFull = await runningConsole();
  const { redis } = nearlyFull;
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  await redis.config('SET', 'maxmemory', String(Math.floor(used * 1.05)));
  const refused = await attempt(nearlyFull, { username: 'admin', password: 'wrong' });
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('60');
  expect(await redis.keys('throttle:*')).toEqual([]);
  await redis.config('SET', 'maxmemory', '0');
  expect((await attempt(nearlyFull, { username: 'admin', password: 'wrong' })).status).toBe(401);
});

test('a successful sign-in does not count as an attempt', async () => {
  await using throttled = await runningConsole();
  for (let count = 0; count < throttleRules.pair.points + 2; count++)
    expect(await throttled.signIn('viewer')).toContain('console=');
});

test('attempts are limited for many names from one address, and for one name from many addresses', async () => {
  const few = { points: 4, duration_s: 60 };
  await using byAddress = await runningConsole({ throttle: { ...unthrottled, address: few } });
  const names = [];
  for (let count = 0; count < 6; count++)
    names.push((await attempt(byAddress, { username: `name-${count}`, password: 'wrong' })).status);
  expect(names).toEqual([401, 401, 401, 401, 429, 429]);

  await using byAccount = await runningConsole({
    throttle: { ...unthrottled, account: few },
    trustedProxies: ['127.0.0.1'],
  });
  const addresses = [];
  for (let count = 0; count < 6; count++) {
    const headers = { 'X-Forwarded-For': `192.0.2.${count}` };
    addresses.push((await attempt(byAccount, { username: 'admin', password: 'wrong' }, headers)).status);
  }
  expect(addresses).toEqual([401, 401, 401, 401, 429, 429]);
});

test('attempts from a refused address do not count against the account, so its owner can sign in elsewhere', async () => {
  await using throttled = await runningConsole({
    throttle: {
      ...unthrottled,
      address: { points: 4, duration_s: 60 },
      account: { points: 6, duration_s: 60 },
    },
    trustedProxies: ['127.0.0.1'],
  });
  const from = (address: string, password: string) =>
    attempt(throttled, { username: 'admin', password }, { 'X-Forwarded-For': address });
  for (let count = 0; count < 10; count++) await from('192.0.2.1', 'wrong');
  expect((await from('192.0.2.1', password)).status).toBe(429);
  expect((await from('192.0.2.2', password)).status).toBe(303);
});

test('X-Forwarded-For is used only from a configured proxy', async () => {
  const few = { points: 2, duration_s: 60 };
  const statuses = async (on: RunningConsole): Promise<number[]> => {
    const found = [];
    for (let count = 0; count < 4; count++) {
      const headers = { 'X-Forwarded-For': `192.0.2.${count}` };
      found.push((await attempt(on, { username: `name-${count}`, password: 'wrong' }, headers)).status);
    }
    return found;
  };
  await using plain = await runningConsole({ throttle: { ...unthrottled, address: few } });
  expect(await statuses(plain)).toEqual([401, 401, 429, 429]);
  await using elsewhere = await runningConsole({
    throttle: { ...unthrottled, address: few },
    trustedProxies: ['198.51.100.1'],
  });
  expect(await statuses(elsewhere)).toEqual([401, 401, 429, 429]);
  await using proxied = await runningConsole({
    throttle: { ...unthrottled, address: few },
    trustedProxies: ['127.0.0.1'],
  });
  expect(await statuses(proxied)).toEqual([401, 401, 401, 401]);
});

test('a state Redis that refuses writes makes a sign-in and a sign-out 503, not a bug', async () => {
  const { redis } = running;
  const refusals: Record<string, { begin: () => Promise<unknown>; end: () => Promise<unknown> }> = {
    'is full': {
      begin: () => redis.config('SET', 'maxmemory', '1'),
      end: () => redis.config('SET', 'maxmemory', '0'),
    },
    'has too few replicas': {
      begin: () => redis.config('SET', 'min-replicas-to-write', '1'),
      end: () => redis.config('SET', 'min-replicas-to-write', '0'),
    },
    'follows another server': {
      begin: () => redis.replicaof('127.0.0.1', '1'),
      end: () => redis.replicaof('NO', 'ONE'),
    },
  };
  for (const [why, { begin, end }] of Object.entries(refusals)) {
    const cookie = await running.signIn('admin');
    await begin();
    try {
      const answers = [
        await attempt(running, { username: 'admin', password }, { Accept: 'application/json' }),
        await running.call('POST', '/sign-out', { cookie, headers: { Accept: 'application/json' } }),
      ];
      for (const answer of answers) {
        const said = (await answer.json()) as { code: string };
        expect([why, answer.status, said.code]).toEqual([why, 503, 'unavailable']);
        expect(answer.headers.get('retry-after')).not.toBeNull();
      }
    } finally {
      await end();
    }
  }
});
