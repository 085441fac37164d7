/** No secret is committed. The patterns are strict enough to ignore what only looks like a secret in a test. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repositoryRoot } from './sources.ts';

const patterns: readonly RegExp[] = [
  // PEM, of any kind of private key.
  /-----BEGIN [A-Z ]*PRIVATE KEY/,
  // The private half of a JWK: an Ed25519 or P-256 key has 43 characters, an RSA key many more.
  /["']?\bd["']?\s*:\s*["'][\w-]{40,}["']/,
  // A signed token.
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{16,}/,
  // A password in a URL, unless it is a placeholder, masked, or an obvious test password.
  /\b[a-z][a-z+.-]*:\/\/[\w.-]*:(?!\*{3}@|\$\{|(?:secret|canary|password|postgres)@)[^\s/@:'"`<>{}$]+@/,
  // A name of a secret with a random value: long, with letters and digits.
  /(?:password|passwd|secret|token|api_?key|private_?key)["']?\s*[:=]\s*["']?(?=[\w+/=-]*\d)(?=[\w+/=-]*[a-zA-Z])[\w+/=-]{20,}/i,
  // Keys with a known prefix: AWS, GitHub, Slack, Stripe, npm, Google.
  /\b(?:AKIA[A-Z\d]{16}|gh[opsur]_\w{36}|github_pat_\w{22}|xox[abprs]-[\w-]{10}|[rs]k_live_\w{20}|npm_\w{36}|AIza[\w-]{35})/,
];

const secretsIn = (text: string): string[] =>
  text
    .split('\n')
    .flatMap((line, index) =>
      patterns.some((pattern) => pattern.test(line)) ? [`line ${index + 1}: ${line.slice(0, 40)}…`] : [],
    );

const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: repositoryRoot, encoding: 'utf8' })
  .split('\0')
  .filter((path) => path !== '');

test('no tracked file holds a private key, a password or a token', () => {
  expect(tracked.length).toBeGreaterThan(300);
  const found = tracked.flatMap((path) =>
    secretsIn(readFileSync(join(repositoryRoot, path), 'utf8')).map((where) => `${path} ${where}`),
  );
  expect(found).toEqual([]);
});

test('no tracked file has a name of a file for secrets', () => {
  const secretNames =
    /(?:^|\/)(?:\.env(?:\..*)?|\.npmrc\.local|id_(?:rsa|ed25519)|.*\.(?:pem|p12|pfx|key|jks)|secrets\.json|\.stack\/.*)$/;
  expect(tracked.filter((path) => secretNames.test(path))).toEqual([]);
});

// Random values, so that no line of this file looks like a secret.
const { privateKey } = generateKeyPairSync('ed25519');
const drawn = randomBytes(24).toString('base64url');
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

test.each([
  ['a PEM key', privateKey.export({ type: 'pkcs8', format: 'pem' })],
  ['a private JWK', JSON.stringify(privateKey.export({ format: 'jwk' }))],
  ['a token', `Bearer ${part({ alg: 'EdDSA', kid: 'x' })}.${part({ sub: 'me' })}.${'a'.repeat(86)}`],
  ['a password in a URL', `DATABASE_URL=postgres://catalog:${drawn}@db:5432/catalog`],
  ['a password in YAML', `password: ${drawn}1a`],
  ['a password in JSON', `{"password": "${drawn}1a"}`],
  ['a secret in an environment file', `SESSION_SECRET=${drawn}1a`],
  ['an AWS key', `AKIA${'A1'.repeat(8)}`],
  ['a GitHub token', `ghp_${'a1'.repeat(18)}`],
])('finds %s', (_, text) => {
  expect(secretsIn(text)).not.toEqual([]);
});
