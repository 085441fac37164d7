import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cookieOf, password, runningConsole, type RunningConsole } from '../testing/running-console.ts';
import { sessionLimits } from './limits.ts';

let running: RunningConsole;
beforeAll(async () => {
  running = await runningConsole();
});
afterAll(() => running[Symbol.asyncDispose]());

const look = async (cookie?: string): Promise<number> => (await running.call('GET', '/', { cookie })).status;
const idIn = (cookie: string): string => /s:([\w-]+)\./.exec(decodeURIComponent(cookie))?.[1] ?? '';

test('an id has at least 128 random bits, and no two are the same', async () => {
  const ids = [];
  for (let count = 0; count < 8; count++) ids.push(idIn(await running.signIn('viewer')));
  expect(new Set(ids).size).toBe(8);
  const numbers = ids.map((id) => BigInt(`0x${Buffer.from(id, 'base64url').toString('hex')}`));
  const ones = numbers.reduce((all, number) => all | number);
  const alwaysOnes = numbers.reduce((all, number) => all & number);
  // Of eight random ids a bit is the same in all by one chance in 128; of what counts up or tells the time most are.
  const varying = (ones ^ alwaysOnes).toString(2).replaceAll('0', '').length;
  expect(varying).toBeGreaterThanOrEqual(128);
});

test('who is not signed in gets no session and no cookie', async () => {
  const before = await running.redis.dbsize();
  for (const path of ['/', '/sign-in', '/queues/', '/nowhere']) {
    expect((await running.call('GET', path)).headers.getSetCookie()).toEqual([]);
  }
  expect(await running.redis.dbsize()).toBe(before);
});

test('a planted id is not taken over at sign-in, and an old one does not live on', async () => {
  const old = await running.signIn('viewer');
  const planted = 'console=s%3Aplanted.AAAA';
  for (const cookie of [old, planted]) {
    const answer = await running.call('POST', '/sign-in', { cookie, form: { username: 'viewer', password } });
    const fresh = cookieOf(answer) ?? '';
    expect(idIn(fresh)).not.toBe(idIn(cookie));
    expect([await look(fresh), await look(cookie)]).toEqual([200, 401]);
  }
});

test('signing out kills the session on the server: the cookie replayed is worth nothing', async () => {
  const cookie = await running.signIn('viewer');
  expect(await look(cookie)).toBe(200);
  const answer = await running.call('POST', '/sign-out', { cookie });
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/sign-in']);
  expect(answer.headers.getSetCookie().join()).toContain('Expires=Thu, 01 Jan 1970');
  expect(await look(cookie)).toBe(401);
});

test('a Redis that is wiped costs the sessions, and nothing that is needed for the next ones', async () => {
  const cookie = await running.signIn('viewer');
  expect(await look(cookie)).toBe(200);
  await running.redis.flushall();
  expect(await look(cookie)).toBe(401);
  expect(await look(await running.signIn('viewer'))).toBe(200);
});

test('a request that is under way while its user signs out brings no session back', async () => {
  const cookie = await running.signIn('viewer');
  // The state of the services is asked for anew, and so the page takes a moment.
  await running.clock.advance(2_000);
  const requests = Array.from({ length: 8 }, () => look(cookie));
  await running.call('POST', '/sign-out', { cookie });
  await Promise.all(requests);
  expect(await look(cookie)).toBe(401);
});

test('a changed signature is no cookie', async () => {
  const cookie = await running.signIn('viewer');
  expect(await look(`${cookie.slice(0, -3)}AAA`)).toBe(401);
});

test('a session ends when it is idle for too long, and use keeps it', async () => {
  const cookie = await running.signIn('viewer');
  const almost_ms = sessionLimits.idle_ms - 1_000;
  await running.clock.advance(almost_ms);
  expect(await look(cookie)).toBe(200);
  await running.clock.advance(almost_ms);
  expect(await look(cookie)).toBe(200);
  await running.clock.advance(sessionLimits.idle_ms);
  expect(await look(cookie)).toBe(401);
});

test('a session ends after its longest life, however much it is used', async () => {
  const cookie = await running.signIn('viewer');
  const step_ms = sessionLimits.idle_ms - 1_000;
  let lived_ms = 0;
  while (lived_ms + step_ms < sessionLimits.absolute_ms) {
    await running.clock.advance(step_ms);
    lived_ms += step_ms;
    expect(await look(cookie)).toBe(200);
  }
  await running.clock.advance(sessionLimits.absolute_ms - lived_ms);
  expect(await look(cookie)).toBe(401);
});

test('a screen that was left is open for an hour at most, and a session for a day, whatever the limits are changed to', () => {
  expect(sessionLimits.idle_ms).toBeLessThanOrEqual(3_600_000);
  expect(sessionLimits.absolute_ms).toBeLessThanOrEqual(24 * 3_600_000);
});

test('Redis holds no cookie value and no id, only a hash, and forgets by itself', async () => {
  const cookie = await running.signIn('viewer');
  const id = idIn(cookie);
  const keys = await running.redis.keys('*');
  const stored = keys.filter((key) => key.startsWith('session:'));
  const hash = createHash('sha256').update(id).digest('base64url');
  expect(stored).toContain(`session:${hash}`);
  for (const key of stored) {
    expect(key).not.toContain(id);
    expect(await running.redis.get(key)).not.toContain(id);
    expect(await running.redis.pttl(key)).toBeGreaterThan(0);
    expect(await running.redis.pttl(key)).toBeLessThanOrEqual(sessionLimits.idle_ms);
  }
});

test('the cookie is for this host, out of reach of scripts and other sites', async () => {
  const answer = await running.call('POST', '/sign-in', { form: { username: 'viewer', password } });
  const [name, ...attributes] = (answer.headers.getSetCookie()[0] ?? '').split('; ');
  expect(name).toMatch(/^console=s%3A/);
  expect(attributes.sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Strict']);
});

test('off this machine the cookie is Secure and __Host-, and without TLS nobody gets in', async () => {
  await using away = await runningConsole({
    origin: 'https://console.example.com',
    trustedProxies: ['127.0.0.1'],
  });
  const form = { username: 'viewer', password };
  const answer = await away.call('POST', '/sign-in', { form, headers: { 'X-Forwarded-Proto': 'https' } });
  const [name, ...attributes] = (answer.headers.getSetCookie()[0] ?? '').split('; ');
  expect(name).toMatch(/^__Host-console=s%3A/);
  expect(attributes.sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure']);
  expect(answer.headers.get('strict-transport-security')).toBe('max-age=31536000');
  const plain = await away.call('POST', '/sign-in', { form });
  expect([plain.status, plain.headers.getSetCookie()]).toEqual([403, []]);
});

test('without Redis nobody is let in, and the answer says that it will pass', async () => {
  const cookie = await running.signIn('viewer');
  await running.redisServer.kill('SIGKILL');
  try {
    const answer = await running.call('GET', '/', { cookie });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  } finally {
    await running.redisServer.restart();
  }
});
