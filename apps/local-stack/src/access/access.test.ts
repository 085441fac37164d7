import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { afterAll, expect, test } from 'vitest';
import { services, type ServiceEntry } from '../service-table.ts';
import { loadOrCreateSecrets, loadSecrets, writeKeyFiles } from './secrets.ts';
import { signToken } from './token.ts';

const folder = mkdtempSync(join(tmpdir(), 'access-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const reader: ServiceEntry = {
  name: 'catalog-read',
  asksFor: [],
  databaseRole: 'catalog_read',
  usesCacheRedis: true,
  usesStateRedis: true,
  env: {},
};
const callers = services.filter(({ name }) => name === 'console' || name === 'orders');
const keyFile = (service: string) => join(folder, `${service}-key.json`);

test('secrets are drawn once, all differ, and only their owner can read them', async () => {
  const file = join(folder, 'secrets.json');
  expect(await loadSecrets(file)).toBeUndefined();
  const first = await loadOrCreateSecrets(file, [reader]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await loadOrCreateSecrets(file, [reader])).toEqual(first);
  expect(Object.keys(first.postgres).sort()).toEqual(['catalog_read', 'postgres']);
  const passwords = [...Object.values(first.postgres), ...Object.values(first.redis)];
  expect(new Set(passwords).size).toBe(passwords.length);
  for (const password of passwords) expect(password).toMatch(/^[\w-]{32}$/);
});

test('a new service gets its password, and no other secret changes', async () => {
  const file = join(folder, 'growing.json');
  const before = await loadOrCreateSecrets(file, [reader]);
  const after = await loadOrCreateSecrets(file, [reader, { ...reader, databaseRole: 'another' }]);
  expect(after).toEqual({
    ...before,
    postgres: { ...before.postgres, another: expect.any(String) as string },
  });
});

test('each service that calls others has its own key, and every public key is published', async () => {
  const file = join(folder, 'signers.json');
  const before = await loadOrCreateSecrets(file, [reader]);
  const after = await loadOrCreateSecrets(file, [reader, ...callers]);
  expect(after).toMatchObject({
    tokenKey: before.tokenKey,
    serviceKeys: { console: { kty: 'OKP' }, orders: { kty: 'OKP' } },
    random: { 'console-session-secret': expect.stringMatching(/^[\w-]{32}$/) as string },
  });
  expect(after.serviceKeys['console']?.kid).not.toBe(after.tokenKey.kid);
  const publicFile = join(folder, 'signers-jwks.json');
  await writeKeyFiles(after, publicFile, keyFile);
  expect(statSync(keyFile('console')).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(keyFile('console'), 'utf8'))).toEqual(after.serviceKeys['console']);
  const text = readFileSync(publicFile, 'utf8');
  for (const { kid, d } of [after.tokenKey, ...Object.values(after.serviceKeys)]) {
    expect(text).toContain(kid);
    expect(text).not.toContain(d);
  }
  // The stack's own key signs tokens for people. The key of a service grants only what the service needs.
  const { keys } = JSON.parse(text) as { keys: { kid: string; scope?: string; sub?: string }[] };
  const limitsOf = (kid = '') => keys.find((key) => key.kid === kid);
  expect(limitsOf(after.tokenKey.kid)).not.toHaveProperty('scope');
  expect(limitsOf(after.tokenKey.kid)).not.toHaveProperty('sub');
  expect(limitsOf(after.serviceKeys['console']?.kid)).toMatchObject({
    scope: 'catalog:read catalog:write catalog:operate orders:read orders:write',
    sub: 'console',
  });
  expect(limitsOf(after.serviceKeys['orders']?.kid)).toMatchObject({
    scope: 'catalog:read catalog:changes',
    sub: 'orders',
  });
});

test('a file that is not valid is refused with a remedy, and not replaced by new secrets', async () => {
  const file = join(folder, 'broken.json');
  writeFileSync(file, '{}');
  await expect(loadOrCreateSecrets(file, [reader])).rejects.toMatchObject({
    remedy: expect.stringContaining('npm run reset') as string,
  });
});

test('a token is for the service of its scope, is valid for five minutes, and verifies with its public key', async () => {
  const secrets = await loadOrCreateSecrets(join(folder, 'secrets.json'), [reader]);
  const publicFile = join(folder, 'jwks.json');
  await writeKeyFiles(secrets, publicFile, keyFile);
  const text = readFileSync(publicFile, 'utf8');
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
  const secrets = await loadOrCreateSecrets(join(folder, 'secrets.json'), [reader]);
  await expect(signToken(secrets, { scope: 'catalog:admin' }, 0)).rejects.toThrow('catalog:admin');
  await expect(signToken(secrets, { scope: ' ' }, 0)).rejects.toThrow('No scope');
});
