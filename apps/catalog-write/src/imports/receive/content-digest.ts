import { createHash } from 'node:crypto';
import { CatalogError } from '@catalog/contracts';
import { headerOf } from '@catalog/service-kit';
import { z } from 'zod';

const name = 'Content-Digest';
/** The algorithms of RFC 9530 that are not broken, and the length of their results. */
const lengths = { 'sha-256': 32, 'sha-512': 64 } as const;
type Algorithm = keyof typeof lengths;

/** Digests that the client has sent. Other algorithms are ignored, as RFC 9530 says. */
export type Digests = ReadonlyMap<Algorithm, Buffer>;

const member = /^\s*([a-z*][a-z0-9_*.-]*)=:([A-Za-z0-9+/]*={0,2}):(?:;[^,]*)?\s*$/;

const digestsSchema = z.string().transform((header, context): Digests => {
  const digests = new Map<Algorithm, Buffer>();
  for (const part of header.split(',')) {
    const [, algorithm = '', base64 = ''] = member.exec(part) ?? [];
    const digest = Buffer.from(base64, 'base64');
    if (algorithm === '' || (isKnown(algorithm) && digest.length !== lengths[algorithm])) {
      context.addIssue({
        code: 'custom',
        message: 'must be digests such as sha-256=:<base64>:, separated by commas',
      });
      return z.NEVER;
    }
    if (isKnown(algorithm)) digests.set(algorithm, digest);
  }
  return digests;
});

const isKnown = (algorithm: string): algorithm is Algorithm => Object.hasOwn(lengths, algorithm);

export const contentDigest = headerOf(
  name,
  'RFC 9530, sha-256 or sha-512 of the body. A body that was cut or changed on its way is refused.',
  digestsSchema.optional(),
);

/** Compares the bytes that pass with the digests of the client. */
export class DigestCheck {
  readonly #expected: readonly { readonly digest: Buffer; readonly hash: ReturnType<typeof createHash> }[];

  constructor(digests: Digests | undefined) {
    this.#expected = [...(digests ?? [])].map(([algorithm, digest]) => ({
      digest,
      hash: createHash(algorithm.replace('-', '')),
    }));
  }

  add(chunk: Buffer): void {
    for (const { hash } of this.#expected) hash.update(chunk);
  }

  /** @throws CatalogError `malformed_request` */
  end(): void {
    if (this.#expected.every(({ digest, hash }) => hash.digest().equals(digest))) return;
    const message = 'does not match the body: it was cut or changed on its way';
    throw new CatalogError(
      'malformed_request',
      `${name} ${message}. Nothing has changed; send the file again.`,
      {
        errors: [{ header: name, code: 'digest_mismatch', message }],
      },
    );
  }
}
