import type { IncomingMessage } from 'node:http';
import { CatalogError } from '@catalog/contracts';
import type { RequestHandler } from 'express';
import { httpLimits } from './limits.ts';

export interface JsonBodyOptions {
  readonly limitBytes?: number;
  /** Media types without parameters. The default is `application/json` alone. */
  readonly types?: readonly string[];
}

/** The media type of the body, in lower case. Answers 415 unless it is one of `types`, in UTF-8 and not compressed. */
export function requireContentType(req: IncomingMessage, types: readonly string[]): string {
  const refuse = (detail: string): never => {
    throw new CatalogError('unsupported_media_type', `${detail} This address takes ${types.join(', ')}.`);
  };
  const given = req.headers['content-type'];
  if (given === undefined) return refuse('There is no Content-Type.');
  const [type = '', ...parameters] = given.split(';').map((part) => part.trim().toLowerCase());
  if (!types.includes(type)) return refuse('The Content-Type is not supported.');
  for (const parameter of parameters) {
    const charset = /^charset="?([^"]*)"?$/.exec(parameter)?.[1];
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
      return refuse('The charset must be UTF-8.');
  }
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return refuse('A Content-Encoding is not supported.');
  return type;
}

const tooLarge = (limitBytes: number): CatalogError =>
  new CatalogError('body_too_large', `The body is larger than the limit of ${limitBytes} bytes.`);

/** Stops at the limit. Bytes after it are dropped, not kept. */
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
    // The server may allow hours for uploads. A small body needs a limit of its own.
    const timer = setTimeout(
      () => settle(new CatalogError('request_timeout', 'The body did not arrive in time.')),
      httpLimits.request_ms,
    );
    req.on('data', onData).on('end', onEnd).on('error', onBroken).on('aborted', onBroken);
  });
}

/** Puts the parsed value into `req.body`. No error repeats the content. */
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

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;

/**
 * Refuses JSON that nests too deep, or that has an array or object with too many members. It runs before the parser, which
 * is recursive and takes memory: one pass over the bytes that ends at the first violation. Strings do not count.
 */
function refuseShape(
  bytes: Uint8Array,
  { depth: maxDepth, members: maxMembers }: { depth: number; members: number } = {
    depth: httpLimits.jsonDepth,
    members: httpLimits.jsonMembers,
  },
): void {
  /** The number of commas so far in the open array or object of each depth. */
  const commas = new Uint32Array(maxDepth + 1);
  let depth = 0;
  let inString = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (inString) {
      if (byte === backslash) index++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > maxDepth)
        throw new CatalogError('malformed_request', `The JSON nests deeper than ${maxDepth} levels.`);
      commas[depth] = 0;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
    else if (byte === comma) {
      const members = (commas[depth] ?? 0) + 2;
      if (members > maxMembers)
        throw new CatalogError(
          'malformed_request',
          `The JSON has an array or object of more than ${maxMembers} members.`,
        );
      commas[depth] = members - 1;
    }
  }
}

const refused = new Set(['__proto__', 'constructor', 'prototype']);

/** Refuses keys through which a careless merge could change the prototype of all objects. */
function refusePrototypeKeys(text: string, value: unknown): void {
  // Without these names and without escapes, which may spell them, there is nothing to look for.
  if (!/proto|constructor|\\u/.test(text)) return;
  const pending: { value: object; pointer: string }[] = [];
  const look = (value: unknown, pointer: string): void => {
    if (typeof value === 'object' && value !== null) pending.push({ value, pointer });
  };
  look(value, '');
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value: holder, pointer } = next;
    for (const [key, inside] of Object.entries(holder)) {
      const at = `${pointer}/${key.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (!Array.isArray(holder) && refused.has(key)) {
        throw new CatalogError(
          'invalid_request',
          `The body breaks a rule: ${at} is a key that is not allowed.`,
          {
            errors: [{ pointer: at, code: 'forbidden_key', message: 'is a key that is not allowed' }],
          },
        );
      }
      look(inside, at);
    }
  }
}
