import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock } from '@catalog/testing';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readiness } from '../health/readiness.ts';
import { startTestService, type TestService } from '../http/service.fixture.ts';
import { authenticate, requireScope } from './authenticate.ts';
import { brokenKeys_ms } from './keys.ts';
import { tokenVerifier } from './verify.ts';

const folder = mkdtempSync(join(tmpdir(), 'catalog-auth-'));
const jwksFile = join(folder, 'jwks.json');
const clock = manualClock();
const keys = { old: generateKeyPairSync('ed25519'), next: generateKeyPairSync('ed25519') };
let service: TestService;

const publicJwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), kid });
function publishWith(kid: keyof typeof keys, limits: { scope?: unknown; sub?: unknown }): void {
  const jwks = {
    keys: [{ ...publicJwk(keys[kid].publicKey, kid), ...limits }, publicJwk(keys.next.publicKey, 'next')],
  };
  writeFileSync(`${jwksFile}.new`, JSON.stringify(jwks));
  renameSync(`${jwksFile}.new`, jwksFile);
}
function publish(...kids: (keyof typeof keys)[]): void {
  const beside = `${jwksFile}.new`;
  const jwks = { keys: kids.map((kid) => publicJwk(keys[kid].publicKey, kid)) };
  writeFileSync(beside, JSON.stringify(jwks));
  renameSync(beside, jwksFile);
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
const now_s = () => Math.floor(clock.now() / 1000);
const claims = () => ({
  iss: 'catalog-auth',
  aud: 'things',
  sub: 'caller',
  scope: 'things:read other:scope',
  iat: now_s(),
  exp: now_s() + 300,
});

function token(
  changes: Record<string, unknown> = {},
  { header = {}, kid = 'old' }: { header?: object; kid?: keyof typeof keys } = {},
): string {
  const signed = `${encode({ alg: 'EdDSA', kid, ...header })}.${encode({ ...claims(), ...changes })}`;
  return `${signed}.${sign(null, Buffer.from(signed), keys[kid].privateKey).toString('base64url')}`;
}

async function ask(authorization?: string): Promise<Response> {
  return fetch(`${service.url}/v1/things`, {
    headers: authorization === undefined ? {} : { Authorization: authorization },
  });
}
const statusOf = async (text: string) => (await ask(`Bearer ${text}`)).status;

beforeAll(async () => {
  publish('old');
  service = await startTestService({
    routes(app) {
      app.get(
        '/v1/things',
        authenticate({ jwksFile, audience: 'things', clock }),
        requireScope('things:read'),
        (req, res) => {
          res.json(req.caller?.subject);
        },
      );
      app.get(
        '/v1/open',
        authenticate({ jwksFile, audience: 'things', clock, anonymousScopes: ['things:read'] }),
        requireScope('things:read'),
        (req, res) => {
          res.json(req.caller?.subject);
        },
      );
    },
  });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test('a token of the issuer for this service with the scope is let in, the second time too', async () => {
  const good = token();
  for (let time = 0; time < 2; time++) {
    const answer = await ask(`Bearer ${good}`);
    expect([answer.status, await answer.json()]).toEqual([200, 'caller']);
  }
  expect(await statusOf(token({ aud: ['others', 'things'] }))).toBe(200);
});

const publicPem = keys.old.publicKey.export({ type: 'spki', format: 'pem' });
const hs256 = (() => {
  const signed = `${encode({ alg: 'HS256', kid: 'old' })}.${encode(claims())}`;
  return `${signed}.${createHmac('sha256', publicPem).update(signed).digest('base64url')}`;
})();
const attacker = generateKeyPairSync('ed25519');
function selfSigned(header: object): string {
  const signed = `${encode({ alg: 'EdDSA', ...header })}.${encode(claims())}`;
  return `${signed}.${sign(null, Buffer.from(signed), attacker.privateKey).toString('base64url')}`;
}

test.each([
  ['no signature, alg none', `${encode({ alg: 'none', kid: 'old' })}.${encode(claims())}.`],
  ['alg None in other letters', `${encode({ alg: 'nOnE', kid: 'old' })}.${encode(claims())}.`],
  ['HS256 with the public key as the secret', hs256],
  [
    'the other name of the algorithm, which no key of ours is used with',
    token({}, { header: { alg: 'Ed25519' } }),
  ],
  ['another service as audience', token({ aud: 'others' })],
  ['no audience', token({ aud: undefined })],
  ['another issuer', token({ iss: 'somebody' })],
  ['an expiry that has passed', token({ iat: now_s() - 400, exp: now_s() - 100 })],
  ['no expiry', token({ exp: undefined })],
  ['an expiry in words', token({ exp: 'never' })],
  ['a lifetime of more than five minutes', token({ exp: now_s() + 400 })],
  [
    'a lifetime of more than five minutes that says it begins later',
    token({ iat: now_s() + 3_600, exp: now_s() + 3_800 }),
  ],
  ['a beginning in the future', token({ nbf: now_s() + 100 })],
  ['no subject', token({ sub: undefined })],
  ['an empty subject', token({ sub: '' })],
  ['a key that is not known', selfSigned({ kid: 'mine' })],
  ['the name of a key that is not known', token({}, { header: { kid: 'mine' } })],
  ['a known kid and another key', selfSigned({ kid: 'old' })],
  ['no kid', selfSigned({})],
  ['its own key', selfSigned({ kid: 'old', jwk: publicJwk(attacker.publicKey, 'old') })],
  [
    'its own key, even one that is known',
    token({}, { header: { jwk: publicJwk(keys.old.publicKey, 'old') } }),
  ],
  ['an address of its key', token({}, { header: { jku: 'http://127.0.0.1:1/keys' } })],
  ['an address of its certificate', token({}, { header: { x5u: 'http://127.0.0.1:1/certificate' } })],
  ['its own certificate', token({}, { header: { x5c: ['AAAA'] } })],
  ['an extension that must be understood', token({}, { header: { crit: ['x'], x: 1 } })],
  ['a changed claim', token().replace(/\.[^.]+\./, `.${encode({ ...claims(), scope: 'all' })}.`)],
  ['a truncated signature', token().slice(0, -5)],
  ['nothing that looks like a token', 'abc'],
  ['a scope that is a list', token({ scope: ['things:read'] })],
  ['five thousand characters', token({ filler: 'x'.repeat(5_000) })],
])('a token with %s is a 401 problem', async (_, bad) => {
  const answer = await ask(`Bearer ${bad}`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'application/problem+json']);
  expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
  expect(await answer.json()).toMatchObject({ code: 'unauthenticated' });
});

test.each([undefined, 'Basic dXNlcjpwYXNz', 'Bearer', 'Bearer two words'])(
  'the header %j is a 401 that says what to send',
  async (authorization) => {
    const answer = await ask(authorization);
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ detail: 'Send "Authorization: Bearer <token>".' });
  },
);

test('a good token without the scope is a 403 that names it', async () => {
  const answer = await ask(`Bearer ${token({ scope: 'other:scope' })}`);
  expect(answer.status).toBe(403);
  expect(answer.headers.get('www-authenticate')).toContain('scope="things:read"');
  expect(await answer.json()).toMatchObject({
    detail: 'The token needs the scope things:read; it has other:scope.',
  });
});

test('where reading is open no token is needed, but a wrong one is refused', async () => {
  const open = (authorization?: string) =>
    fetch(`${service.url}/v1/open`, {
      headers: authorization === undefined ? {} : { Authorization: authorization },
    });
  expect(await (await open()).json()).toBe('anonymous');
  expect(await (await open(`Bearer ${token()}`)).json()).toBe('caller');
  expect((await open(`Bearer ${token({ aud: 'others' })}`)).status).toBe(401);
});

test('a token that was accepted is refused once it has expired', async () => {
  const short = token({ exp: now_s() + 10 });
  expect(await statusOf(short)).toBe(200);
  await clock.advance(20_000);
  expect(await statusOf(short)).toBe(401);
});

test('keys are rotated without a restart, and tokens of a withdrawn key are refused', async () => {
  const byOld = token();
  const byNext = token({}, { kid: 'next' });
  expect([await statusOf(byOld), await statusOf(byNext)]).toEqual([200, 401]);

  publish('old', 'next');
  await clock.advance(1_500);
  expect([await statusOf(byOld), await statusOf(byNext)]).toEqual([200, 200]);

  publish('next');
  await clock.advance(1_500);
  expect([await statusOf(byOld), await statusOf(byNext)]).toEqual([401, 200]);
});

test('a token whose key is withdrawn while it is checked is refused the second time', async () => {
  const published = new Map([['old', { key: keys.old.publicKey, scopes: undefined, subject: undefined }]]);
  let changed = false;
  const verifier = tokenVerifier({
    keys: { get: (kid) => published.get(kid), refresh: () => changed, problem: () => undefined },
    audience: 'things',
    issuer: 'catalog-auth',
    clock,
  });
  const authorization = `Bearer ${token()}`;
  const checking = verifier.verify(authorization);
  published.clear();
  changed = true;
  await expect(async () => verifier.verify(`Bearer ${token({ jti: 'another' })}`)).rejects.toThrow(
    'not known',
  );
  changed = false;
  expect(await checking).toMatchObject({ subject: 'caller' });
  await expect(async () => verifier.verify(authorization)).rejects.toThrow('not known');
});

test('a key grants what its entry says, and no more', async () => {
  publishWith('old', { scope: 'things:read things:list' });
  await clock.advance(1_500);
  expect(await statusOf(token({ scope: 'things:read' }))).toBe(200);
  expect(await statusOf(token({ scope: 'things:list' }))).toBe(403);
  expect(await statusOf(token({ scope: 'things:read things:write' }))).toBe(401);
  expect(await statusOf(token({ scope: 'things:rea' }))).toBe(401);
  // A limit of a wrong type grants nothing.
  publishWith('old', { scope: ['things:read'] });
  await clock.advance(1_500);
  expect(await statusOf(token({ scope: 'things:read', jti: 'another' }))).toBe(401);
  expect(await statusOf(token({}, { kid: 'next' }))).toBe(200);
  publish('old', 'next');
  await clock.advance(1_500);
});

test('a key signs for its owner and for the users of its owner, and for nobody else', async () => {
  publishWith('old', { sub: 'shop' });
  await clock.advance(1_500);
  for (const sub of ['shop', 'shop:ann']) expect(await statusOf(token({ sub }))).toBe(200);
  for (const sub of ['caller', 'shopper', 'sho', 'Shop', 'another:shop', ' shop']) {
    expect([sub, await statusOf(token({ sub }))]).toEqual([sub, 401]);
  }
  expect(await statusOf(token({ sub: 'anyone' }, { kid: 'next' }))).toBe(200);
  // A limit of a wrong type grants nothing.
  for (const sub of [['shop'], '', null]) {
    publishWith('old', { sub });
    await clock.advance(1_500);
    expect(await statusOf(token({ sub: 'shop', jti: JSON.stringify(sub) }))).toBe(401);
  }
  publish('old', 'next');
  await clock.advance(1_500);
});

describe('the file of keys', () => {
  const good = () => publish('old', 'next');
  afterEach(async () => {
    good();
    await clock.advance(1_500);
  });

  test('without keys means that nobody may call', async () => {
    expect(await statusOf(token())).toBe(200);
    writeFileSync(jwksFile, '{"keys":[]}');
    await clock.advance(1_500);
    expect(await statusOf(token())).toBe(401);
  });

  test.each([
    ['is broken', () => writeFileSync(jwksFile, '{"keys":')],
    ['is deleted', () => rmSync(jwksFile)],
  ])('that %s leaves the last good keys for a minute, and not for longer', async (_, harm) => {
    const known = token();
    expect(await statusOf(known)).toBe(200);
    harm();
    await clock.advance(1_500);
    expect([await statusOf(known), await statusOf(token({ jti: 'new' }))]).toEqual([200, 200]);
    await clock.advance(brokenKeys_ms - 5_000);
    expect(await statusOf(known)).toBe(200);
    await clock.advance(5_000);
    expect([await statusOf(known), await statusOf(token({ jti: 'newer' }))]).toEqual([401, 401]);
  });

  test('with one bad key loses that key alone', async () => {
    const jwks = {
      keys: [
        { kty: 'OKP', crv: 'Ed25519', kid: 'old', x: 'AAAA' },
        publicJwk(keys.next.publicKey, 'next'),
        5,
      ],
    };
    writeFileSync(jwksFile, JSON.stringify(jwks));
    await clock.advance(1_500);
    expect(await statusOf(token({ jti: 'bad' }))).toBe(401);
    expect(await statusOf(token({}, { kid: 'next' }))).toBe(200);
  });

  test('shows in readiness while it is broken', async () => {
    const ready = readiness();
    authenticate({ jwksFile, audience: 'things', clock, readiness: ready });
    expect((await ready.report()).warnings).toEqual({});
    rmSync(jwksFile);
    await clock.advance(1_500);
    expect((await ready.report()).warnings).toHaveProperty(
      'service keys',
      expect.stringContaining('missing or broken'),
    );
  });
});

test('however its header is spaced, a token is remembered once, and all of them within a bound', async () => {
  const published = new Map([['old', { key: keys.old.publicKey, scopes: undefined, subject: undefined }]]);
  let asked = 0;
  const get = (kid: string) => {
    asked += 1;
    return published.get(kid);
  };
  const verifier = tokenVerifier({
    keys: { get, refresh: () => false, problem: () => undefined },
    audience: 'things',
    issuer: 'catalog-auth',
    clock,
  });
  const same = token();
  for (let spaces = 1; spaces < 200; spaces++) await verifier.verify(`Bearer${' '.repeat(spaces)}${same}`);
  expect(asked).toBe(1);
  await expect(async () => verifier.verify(`Basic ${same}`)).rejects.toThrow('Bearer');
});

test('the owner of a token is that of its key, whatever its subject', async () => {
  const published = new Map([
    ['old', { key: keys.old.publicKey, scopes: undefined, subject: 'orders' as string | undefined }],
    ['next', { key: keys.next.publicKey, scopes: undefined, subject: undefined }],
  ]);
  const verifier = tokenVerifier({
    keys: { get: (kid) => published.get(kid), refresh: () => false, problem: () => undefined },
    audience: 'things',
    issuer: 'catalog-auth',
    clock,
  });
  const ownerOf = async (sub: string, kid: 'old' | 'next') =>
    (await verifier.verify(`Bearer ${token({ sub }, { kid })}`)).owner;
  const owners = new Set(
    await Promise.all(Array.from({ length: 50 }, (_, n) => ownerOf(`orders:${n}`, 'old'))),
  );
  expect(owners).toEqual(new Set(['orders']));
  expect(await ownerOf('shop:ann', 'next')).toBe('shop');
});

test.each([
  [
    'a private key',
    { keys: [{ ...keys.old.privateKey.export({ format: 'jwk' }), kid: 'old' }] },
    'private key',
  ],
  ['no key', { keys: [] }, ''],
  ['no Ed25519 key', { keys: [{ kty: 'RSA', kid: 'r', n: 'x', e: 'AQAB' }] }, 'no Ed25519 key'],
])('a key file with %s stops the service from starting', (_, jwks, words) => {
  const file = join(folder, 'wrong.json');
  writeFileSync(file, JSON.stringify(jwks));
  expect(() => authenticate({ jwksFile: file, audience: 'things' })).toThrow(words);
});
