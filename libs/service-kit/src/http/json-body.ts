import type { IncomingMessage } from 'node:http';
import { CatalogError } from '@catalog/contracts';
import type { RequestHandler } from 'express';
import { refusePrototypeKeys, refuseShape } from './json-shape.ts';
import { httpLimits } from './limits.ts';
import { requireContentType } from './content-type.ts';

export interface JsonBodyOptions {
  readonly limitBytes?: number;
  /** Media types without parameters; `application/json` alone unless set. */
  readonly types?: readonly string[];
}

const tooLarge = (limitBytes: number): CatalogError =>
  new CatalogError('body_too_large', `The body may have ${limitBytes} bytes.`);

/** Stops at the limit: what comes after it is thrown away, never kept. */
export async function readBody(req: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let received = 0;
    const settle = (error: CatalogError | undefined): void => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('error', onBroken).off('aborted', onBroken);
      if (error === undefined) resolve(Buffer.concat(chunks, received));
      else reject(error);
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > limitBytes) settle(tooLarge(limitBytes));
      else chunks.push(chunk);
    };
    const onEnd = (): void => settle(undefined);
    const onBroken = (): void =>
      settle(new CatalogError('malformed_request', 'The body ended before its announced length.'));
    // A service may allow long uploads elsewhere; a small body has no reason to dribble in.
    const timer = setTimeout(
      () => settle(new CatalogError('request_timeout', 'The body did not arrive in time.')),
      httpLimits.request_ms,
    );
    req.on('data', onData).on('end', onEnd).on('error', onBroken).on('aborted', onBroken);
  });
}

/** `req.body` becomes the parsed value. Throws nothing of the content back. */
export function jsonBody(options: JsonBodyOptions = {}): RequestHandler {
  const limitBytes = options.limitBytes ?? httpLimits.jsonBytes;
  const types = options.types ?? ['application/json'];
  return async (req, _res, next) => {
    requireContentType(req, types);
    const bytes = await readBody(req, limitBytes);
    req.body = parseJson(bytes);
    next();
  };
}

export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw new CatalogError('malformed_request', 'The body is empty; JSON is expected.');
  refuseShape(bytes);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CatalogError('malformed_request', 'The body is not valid UTF-8.', { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const position = /at position (\d+)/.exec((cause as Error).message)?.[1];
    const where = position === undefined ? '' : `: it breaks at character ${position}`;
    throw new CatalogError('malformed_request', `The body is not valid JSON${where}.`, { cause });
  }
  refusePrototypeKeys(text, value);
  return value;
}
