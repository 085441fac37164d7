import { expect, test } from 'vitest';
import { createPasswordHasher, hashingLimits } from './password-hash.ts';

test('a password is kept as argon2id with m=19 MiB, t=2, and a salt of its own', async () => {
  const hasher = createPasswordHasher();
  const [one, other] = await Promise.all([hasher.hash('the same words'), hasher.hash('the same words')]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(other).not.toBe(one);
  expect(await hasher.verify('the same words', one)).toBe(true);
  expect(await hasher.verify('the same word', one)).toBe(false);
  expect(await hasher.verify('the same words', undefined)).toBe(false);
});

test('a hash of another implementation is understood', async () => {
  // Debian's argon2 0~20190702: printf %s password | argon2 somesalt-somesalt -id -t 2 -k 19456 -p 1 -l 32 -e
  const theirs =
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQtc29tZXNhbHQ$6dXG+3Zr+zIOMqSwlxSHM7zDbwbpZcwLVMQg3jn9e+w';
  expect(await createPasswordHasher().verify('password', theirs)).toBe(true);
});

test('however a keyboard composes a letter, it is the same password', async () => {
  const hasher = createPasswordHasher();
  expect(await hasher.verify('cafe\u0301', await hasher.hash('caf\u00e9'))).toBe(true);
});

test('too many at once are refused, and those before them all get their answer', async () => {
  const hasher = createPasswordHasher();
  const room = hashingLimits.atOnce + hashingLimits.waiting;
  const asked = await Promise.allSettled(
    Array.from({ length: room + 1 }, () => hasher.verify('anything', undefined)),
  );
  expect(asked.slice(0, room).every((one) => one.status === 'fulfilled' && !one.value)).toBe(true);
  expect(asked[room]).toMatchObject({ reason: { code: 'unavailable', retryAfterSeconds: 2 } });
  // And there is room again.
  expect(await hasher.verify('anything', undefined)).toBe(false);
});

test('hashes never take all four threads of libuv, and few enough wait for one', () => {
  expect(hashingLimits.atOnce).toBeLessThan(4);
  expect(hashingLimits.waiting).toBeLessThanOrEqual(100);
});

test('a hash that cannot be understood lets nobody in', async () => {
  await expect(createPasswordHasher().verify('x', '$argon2id$broken')).rejects.toThrow(
    'cannot be understood',
  );
});
