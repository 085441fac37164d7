import { expect, test } from 'vitest';
import { createPasswordHasher, hashingLimits } from './password-hash.ts';

test('a password is stored as argon2id with m=19 MiB, t=2 and its own salt', async () => {
  const hasher = createPasswordHasher();
  const password = 'the same password';
  const [one, other] = await Promise.all([hasher.hash(password), hasher.hash(password)]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(other).not.toBe(one);
  expect(await hasher.verify(password, one)).toBe(true);
  expect(await hasher.verify('the same passwor', one)).toBe(false);
  expect(await hasher.verify(password, undefined)).toBe(false);
});

test('a hash of another implementation can be verified', async () => {
  // Debian's argon2 0~20190702: printf %s password | argon2 somesalt-somesalt -id -t 2 -k 19456 -p 1 -l 32 -e
  const theirs =
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQtc29tZXNhbHQ$6dXG+3Zr+zIOMqSwlxSHM7zDbwbpZcwLVMQg3jn9e+w';
  expect(await createPasswordHasher().verify('password', theirs)).toBe(true);
});

test('a composed and a decomposed letter give the same password', async () => {
  const hasher = createPasswordHasher();
  expect(await hasher.verify('cafe\u0301', await hasher.hash('caf\u00e9'))).toBe(true);
});

test('a hash beyond the queue limit is refused, and all hashes in the queue are answered', async () => {
  const hasher = createPasswordHasher();
  const room = hashingLimits.atOnce + hashingLimits.waiting;
  const asked = await Promise.allSettled(
    Array.from({ length: room + 1 }, () => hasher.verify('anything', undefined)),
  );
  expect(asked.slice(0, room).every((one) => one.status === 'fulfilled' && !one.value)).toBe(true);
  expect(asked[room]).toMatchObject({ reason: { code: 'unavailable', retryAfterSeconds: 2 } });
  // Afterwards the queue has room again.
  expect(await hasher.verify('anything', undefined)).toBe(false);
});

test('hashes leave threads of libuv free, and their queue is short', () => {
  expect(hashingLimits.atOnce).toBeLessThan(4);
  expect(hashingLimits.waiting).toBeLessThanOrEqual(100);
});

test('a stored hash that is not a PHC string lets nobody in', async () => {
  await expect(createPasswordHasher().verify('x', '$argon2id$broken')).rejects.toThrow(
    'is not an argon2id PHC string',
  );
});
