import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { afterAll, expect, test } from 'vitest';
import { loadOrCreateSecrets, loadSecrets, writePublicKeys, writeServiceKey } from './secrets.ts';
import { signToken } from './token.ts';

const folder = mkdtempSync(join(tmpdir(), 'access-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const logins = { postgres: ['postgres', 'catalog_read'], redis: ['operator'] };

test('secrets are drawn once, differ, and only their owner can read them', async () => {
  const file = join(folder, 'secrets.json');
  expect(await loadSecrets(file)).toBeUndefined();
  const first = await loadOrCreateSecrets(file, logins);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await loadOrCreateSecrets(file, logins)).toEqual(first);
  const passwords = [...Object.values(first.postgres), ...Object.values(first.redis)];
  expect(new Set(passwords).size).toBe(3);
  for (const password of passwords) expect(password).toMatch(/^[\w-]{32}$/);
});

test('a login that is new gets its password without the others changing', async () => {
  const file = join(folder, 'growing.json');
  const before = await loadOrCreateSecrets(file, logins);
  const after = await loadOrCreateSecrets(file, { ...logins, redis: ['operator', 'console'] });
  expect(after).toEqual({ ...before, redis: { ...before.redis, console: expect.any(String) as string } });
});

test('each service that calls others has a key of its own, and every public half is given out', async () => {
  const file = join(folder, 'signers.json');
  const before = await loadOrCreateSecrets(file, logins);
  const after = await loadOrCreateSecrets(file, {
    ...logins,
    serviceKeys: ['console', 'orders'],
    words: ['word'],
  });
  expect(after).toEqual({
    ...before,
    serviceKeys: {
      console: expect.objectContaining({ kty: 'OKP' }) as unknown,
      orders: expect.objectContaining({ kty: 'OKP' }) as unknown,
    },
    words: { word: expect.stringMatching(/^[\w-]{32}$/) as string },
  });
  expect(after.serviceKeys['console']?.kid).not.toBe(after.tokenKey.kid);
  const keyFile = join(folder, 'console-key.json');
  await writeServiceKey(keyFile, after, 'console');
  expect(statSync(keyFile).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(keyFile, 'utf8'))).toEqual(after.serviceKeys['console']);
  const publicFile = join(folder, 'signers-jwks.json');
  await writePublicKeys(publicFile, after);
  const text = readFileSync(publicFile, 'utf8');
  for (const { kid, d } of [after.tokenKey, ...Object.values(after.serviceKeys)]) {
    expect(text).toContain(kid);
    expect(text).not.toContain(d);
  }
  // The stack's own key prints tokens for people; that of a service grants what the service needs.
  const { keys } = JSON.parse(text) as { keys: { kid: string; scope?: string; sub?: string }[] };
  const limitsOf = (kid = '') => keys.find((key) => key.kid === kid);
  expect(limitsOf(after.tokenKey.kid)).not.toHaveProperty('scope');
  expect(limitsOf(after.tokenKey.kid)).not.toHaveProperty('sub');
  expect(limitsOf(after.serviceKeys['console']?.kid)).toMatchObject({
    scope: 'catalog:operate',
    sub: 'console',
  });
  expect(limitsOf(after.serviceKeys['orders']?.kid)).toMatchObject({ scope: 'catalog:read', sub: 'orders' });
});

test('a file that cannot be understood is a problem with a remedy, not new secrets', async () => {
  const file = join(folder, 'broken.json');
  writeFileSync(file, '{}');
  await expect(loadOrCreateSecrets(file, logins)).rejects.toMatchObject({
    remedy: expect.stringContaining('npm run reset') as string,
  });
});

test('a token is for the service of its scope, lives five minutes, and its public key proves it', async () => {
  const secrets = await loadOrCreateSecrets(join(folder, 'secrets.json'), logins);
  const keyFile = join(folder, 'jwks.json');
  await writePublicKeys(keyFile, secrets);
  const text = readFileSync(keyFile, 'utf8');
  expect(text).not.toContain(secrets.tokenKey.d);
  const keys = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
  const now_ms = Date.now();
  const token = await signToken(secrets, { scope: 'catalog:write' }, now_ms);
  const { payload, protectedHeader } = await jwtVerify(token, keys, {
    audience: 'catalog-write',
    issuer: 'catalog-auth',
  });
  expect(protectedHeader.alg).toBe('EdDSA');
  expect(payload).toMatchObject({ sub: 'developer', scope: 'catalog:write' });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
  const named = await signToken(secrets, { scope: 'catalog:read', audience: 'orders' }, now_ms);
  await jwtVerify(named, keys, { audience: 'orders' });
});

test('a scope that does not exist is refused', async () => {
  const secrets = await loadOrCreateSecrets(join(folder, 'secrets.json'), logins);
  await expect(signToken(secrets, { scope: 'catalog:admin' }, 0)).rejects.toThrow('catalog:admin');
  await expect(signToken(secrets, { scope: ' ' }, 0)).rejects.toThrow('No scope');
});
