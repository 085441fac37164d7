import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { Request, Response } from 'express';

interface Content {
  readonly bytes: Buffer;
  readonly etag: string;
}
/** undefined for a file that does not exist. */
const contents = new Map<string, Content | undefined>();

interface KeptFileOptions {
  /** How long browsers keep it. */
  readonly cacheControl: string;
  /** The same file, compressed with Brotli. If it exists, it is sent to those who read that. */
  readonly compressed?: string;
}

/**
 * Sends a file that everybody may ask for, without a token. Reading it for each request would keep the few threads busy that also
 * check tokens and passwords, so each file is read once, when it is first asked for.
 */
export function sendKeptFile(
  req: Request,
  res: Response,
  file: string,
  { cacheControl, compressed }: KeptFileOptions,
): void {
  res.type(extname(file)).set('Cache-Control', cacheControl);
  if (compressed !== undefined) res.vary('Accept-Encoding');
  const smaller =
    compressed !== undefined && req.acceptsEncodings('br') === 'br' ? contentOf(compressed) : undefined;
  if (smaller !== undefined) res.set('Content-Encoding', 'br');
  const content = smaller ?? contentOf(file);
  if (content === undefined) throw new Error(`there is no file ${file}`);
  res.set('ETag', content.etag);
  if (req.fresh) res.status(304).end();
  else res.end(content.bytes);
}

function contentOf(file: string): Content | undefined {
  if (!contents.has(file)) contents.set(file, existsSync(file) ? read(file) : undefined);
  return contents.get(file);
}

function read(file: string): Content {
  const bytes = readFileSync(file);
  return { bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url')}"` };
}
