import { createHash } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import { cookieOf, password, runningConsole } from '../testing/running-console.ts';
import { sessionLimits } from './session-store.ts';

const running = await runningConsole();
afterAll(() => running[Symbol.asyncDispose]());

const look = async (cookie?: string): Promise<number> => (await running.call('GET', '/', { cookie })).status;
const idIn = (cookie: string): string => /s:([\w-]+)\./.exec(decodeURIComponent(cookie))?.[1] ?? '';

test('session ids are unique and have at least 128 random bits', async () => {
  const ids = [];
  for (let count = 0; count < 8; count++) ids.push(idIn(await running.signIn('viewer')));
  expect(new Set(ids).size).toBe(8);
  const numbers = ids.map((id) => BigInt(`0x${Buffer.from(id, 'base64url').toString('hex')}`));
  const ones = numbers.reduce((all, number) => all | number);
  const alwaysOnes = numbers.reduce((all, number) => all & number);
  // In eight random ids, a bit is equal in all with a chance of 1 in 128. In counters and times, most bits are equal.
  const varying = (ones ^ alwaysOnes).toString(2).replaceAll('0', '').length;
  expect(varying).toBeGreaterThanOrEqual(128);
});

test('without sign-in there is no session and no cookie', async () => {
  const before = await running.redis.dbsize();
  for (const path of ['/', '/sign-in', '/queues/', '/nowhere']) {
    expect((await running.call('GET', path)).headers.getSetCookie()).toEqual([]);
  }
  expect(await running.redis.dbsize()).toBe(before);
});

test('a sign-in ignores a planted session id and ends the old session', async () => {
  const old = await running.signIn('viewer');
  const planted = 'console=s%3Aplanted.AAAA';
  for (const cookie of [old, planted]) {
    const answer = await running.call('POST', '/sign-in', { cookie, form: { username: 'viewer', password } });
    const fresh = cookieOf(answer) ?? '';
    expect(idIn(fresh)).not.toBe(idIn(cookie));
    expect([await look(fresh), await look(cookie)]).toEqual([200, 401]);
  }
});

test('signing out ends the session on the server, so a replayed cookie is refused', async () => {
  const cookie = await running.signIn('viewer');
  expect(await look(cookie)).toBe(200);
  const answer = await running.call('POST', '/sign-out', { cookie });
  expect([answer.status, answer.headers.get('location')]).toEqual([303, '/sign-in']);
  expect(answer.headers.getSetCookie().join()).toContain('Expires=Thu, 01 Jan 1970');
  expect(await look(cookie)).toBe(401);
});

test('wiping Redis ends all sessions, and new ones can begin', async () => {
  const cookie = await running.signIn('viewer');
  expect(await look(cookie)).toBe(200);
  await running.redis.flushall();
  expect(await look(cookie)).toBe(401);
  expect(await look(await running.signIn('viewer'))).toBe(200);
});

test('a request in flight during a sign-out does not revive the session', async () => {
  const cookie = await running.signIn('viewer');
  // The state of the services is no longer reused, so the page takes a moment.
  await running.clock.advance(2_000);
  const requests = Array.from({ length: 8 }, () => look(cookie));
  await running.call('POST', '/sign-out', { cookie });
  await Promise.all(requests);
  expect(await look(cookie)).toBe(401);
});

test('a cookie with a changed signature is refused', async () => {
  const cookie = await running.signIn('viewer');
  expect(await look(`${cookie.slice(0, -3)}AAA`)).toBe(401);
});

test('a session ends when it is idle for too long, and use extends it', async () => {
  const cookie = await running.signIn('viewer');
  const almost_ms = sessionLimits.idle_ms - 1_000;
  await running.clock.advance(almost_ms);
  expect(await look(cookie)).toBe(200);
  await running.clock.advance(almost_ms);
  expect(await look(cookie)).toBe(200);
  await running.clock.advance(sessionLimits.idle_ms);
  expect(await look(cookie)).toBe(401);
});

test('a session ends after the absolute limit, even when it is used all the time', async () => {
  const cookie = await running.signIn('viewer');
  const step_ms = sessionLimits.idle_ms - 1_000;
  let age_ms = 0;
  while (age_ms + step_ms < sessionLimits.absolute_ms) {
    await running.clock.advance(step_ms);
    age_ms += step_ms;
    expect(await look(cookie)).toBe(200);
  }
  await running.clock.advance(sessionLimits.absolute_ms - age_ms);
  expect(await look(cookie)).toBe(401);
});

test('the idle limit is at most an hour and the absolute limit at most a day', () => {
  expect(sessionLimits.idle_ms).toBeLessThanOrEqual(3_600_000);
  expect(sessionLimits.absolute_ms).toBeLessThanOrEqual(24 * 3_600_000);
});

test('Redis stores a session under a hash of its id, without the id itself, and with a TTL', async () => {
  const cookie = await running.signIn('viewer');
  const id = idIn(cookie);
  const keys = await running.redis.keys('*');
  const stored = keys.filter((key) => key.startsWith('session:'));
  const hash = createHash('sha256').update(id).digest('base64url');
  expect(stored).toContain(`session:${hash}`);
  for (const key of stored) {
    expect(key).not.toContain(id);
    const isList = key.startsWith('session:of:');
    const held = isList ? (await running.redis.zrange(key, '0', '-1')).join() : await running.redis.get(key);
    expect(held).not.toContain(id);
    expect(await running.redis.pttl(key)).toBeGreaterThan(0);
    const longest_ms = isList ? sessionLimits.absolute_ms : sessionLimits.idle_ms;
    expect(await running.redis.pttl(key)).toBeLessThanOrEqual(longest_ms);
  }
});

test('the cookie is limited to this host and hidden from scripts and other sites', async () => {
  const answer = await running.call('POST', '/sign-in', { form: { username: 'viewer', password } });
  const [name, ...attributes] = (answer.headers.getSetCookie()[0] ?? '').split('; ');
  expect(name).toMatch(/^console=s%3A/);
  expect(attributes.sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Strict']);
});

test('beyond this machine the cookie is Secure and __Host-, and sign-in needs TLS', async () => {
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

test('while Redis is away nobody gets in, and the answer has Retry-After', async () => {
  const cookie = await running.signIn('viewer');
  await running.redisServer.kill('SIGKILL');
  try {
    const answer = await running.call('GET', '/', { cookie });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  } finally {
    await running.redisServer.restart();
  }
});
