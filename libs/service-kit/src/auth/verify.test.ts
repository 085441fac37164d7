import { generateKeyPairSync } from 'node:crypto';
import { manualClock, signToken } from '@catalog/testing';
import { expect, test } from 'vitest';
import { tokenVerifier } from './verify.ts';

const clock = manualClock();
const now_s = () => Math.floor(clock.now() / 1_000);
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');
const verifier = tokenVerifier({
  keys: {
    get: (kid) => (kid === 'known' ? { key: publicKey, scopes: undefined, subject: undefined } : undefined),
    refresh: () => false,
    problem: () => undefined,
  },
  audience: 'things',
  issuer: 'catalog-auth',
  clock,
});

const token = (claims: Record<string, unknown> = {}, key = privateKey, kid = 'known') =>
  signToken(key, kid, { aud: 'things', iat: now_s(), exp: now_s() + 300, ...claims });
const hs256 = `${Buffer.from('{"alg":"HS256","kid":"known"}').toString('base64url')}.${token().split('.')[1]}.AAAA`;

async function reasonOf(text: string): Promise<string> {
  try {
    await verifier.verify(`Bearer ${text}`);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
}

test.each<[string, () => string, string | RegExp]>([
  ['that is right', () => token(), 'none'],
  [
    'for another service',
    () => token({ aud: ['others', 'more'] }),
    'The token is for others, more, but this service is things (aud).',
  ],
  ['without audience', () => token({ aud: undefined }), 'The token has no aud.'],
  [
    'of another issuer',
    () => token({ iss: 'some\u0000body' }),
    'The token is from some\ufffdbody, but this service trusts catalog-auth (iss).',
  ],
  [
    'that has expired',
    () => token({ iat: now_s() - 400, exp: now_s() - 100 }),
    /^The token expired at \d{4}-.*Z\. Send a fresh one\.$/,
  ],
  ['for later', () => token({ nbf: now_s() + 100 }), /^The token is valid from \d{4}-.*Z on \(nbf\)\.$/],
  ['without subject', () => token({ sub: undefined }), 'The token has a wrong claim: sub is required.'],
  [
    'with the signature of another key',
    () => token({}, stranger.privateKey),
    'The signature of the token is wrong.',
  ],
  [
    'of an unknown key',
    () => token({}, privateKey, 'other'),
    'The token is signed with a key that is not known here.',
  ],
  ['with the wrong algorithm', () => hs256, 'The token must be signed with EdDSA.'],
  ['that is no token', () => 'abc', 'The token is not a signed JWT.'],
])('a token %s gets the reason', async (_, bad, reason) => {
  const given = await reasonOf(bad());
  if (typeof reason === 'string') expect(given).toBe(reason);
  else expect(given).toMatch(reason);
});

test('a remembered token says when it has expired', async () => {
  const short = token({ exp: now_s() + 10 });
  expect(await reasonOf(short)).toBe('none');
  await clock.advance(20_000);
  expect(await reasonOf(short)).toMatch(/^The token expired at .*Z\. Send a fresh one\.$/);
});
