import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ServiceKeyError } from '../errors.ts';

const serviceKeySchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string(),
  kid: z.string().min(1),
});
export type ServiceKey = z.infer<typeof serviceKeySchema>;

/**
 * A private Ed25519 key as a JWK with a `kid`. The called services have the public half in their JWKS file.
 *
 * @throws ServiceKeyError
 */
export async function readServiceKey(file: string): Promise<ServiceKey> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new ServiceKeyError(file, `cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
  try {
    return serviceKeySchema.parse(JSON.parse(text));
  } catch {
    // The message of the parser is dropped, because it could quote the key.
    throw new ServiceKeyError(file, 'holds no private Ed25519 key as a JWK with a kid');
  }
}
