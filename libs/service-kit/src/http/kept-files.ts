import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { Request, Response } from 'express';

interface Content {
  readonly bytes: Buffer;
  readonly etag: string;
}
const contents = new Map<string, Content>();

/**
 * Sends a file that everybody may ask for, without a token. Reading it for each request would keep the few threads busy that also
 * check tokens and passwords, so each file is read once, when it is first asked for.
 *
 * @param cacheControl how long browsers keep it
 */
export function sendKeptFile(req: Request, res: Response, file: string, cacheControl: string): void {
  const { bytes, etag } = contentOf(file);
  res.type(extname(file)).set({ 'Cache-Control': cacheControl, ETag: etag });
  if (req.fresh) res.status(304).end();
  else res.end(bytes);
}

function contentOf(file: string): Content {
  let content = contents.get(file);
  if (content === undefined) {
    const bytes = readFileSync(file);
    content = { bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url')}"` };
    contents.set(file, content);
  }
  return content;
}
