import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CatalogError, printable } from '@catalog/contracts';
import type { Request, RequestHandler } from 'express';
import { parseExactJson } from '../json/exact-json.ts';
import { CallerTurns } from '../rate-limit/caller-turns.ts';
import { callerKey } from '../rate-limit/limit-rate.ts';
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

const endedEarly = (): CatalogError =>
  new CatalogError('malformed_request', 'The body ended before its announced length.');

/**
 * Until its turn, a body stays with the client, except for the part that its socket has read ahead. So a caller whose bodies stop
 * in the middle takes little memory, and only its own other bodies wait for them.
 */
const bodies = new CallerTurns({
  what: 'bodies',
  atOnce: httpLimits.bodiesOfCaller,
  waiting: httpLimits.waitingBodiesOfCaller,
  wait_ms: httpLimits.request_ms,
});

/** For how long bodies of each caller were read and checked in this turn of the event loop. */
const spent_ms = new Map<string, number>();

/**
 * Reads and checks the body of a caller, in this turn of the event loop or in a later one. Otherwise a caller whose bodies end at
 * the same time would delay the requests of others until all of them are read.
 */
async function inTurnOf(caller: string, work: () => void): Promise<void> {
  while ((spent_ms.get(caller) ?? 0) >= httpLimits.bodyTurn_ms) await nextTurn();
  const began_ms = performance.now();
  try {
    work();
  } finally {
    if (spent_ms.size === 0) setImmediate(() => spent_ms.clear());
    spent_ms.set(caller, (spent_ms.get(caller) ?? 0) + performance.now() - began_ms);
  }
}

/** A chunk of one byte takes a hundred bytes of memory. So this many chunks are joined, whatever size the client chooses. */
const mostChunks = 1_024;

/** Stops at the limit and drops the bytes after it. Receives at most `bodiesOfCaller` bodies of one caller at once. */
export async function readBody(req: Request, limitBytes: number): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  const until_ms = performance.now() + httpLimits.request_ms;
  using _turn = await bodies.take(callerKey(req));
  // The client may have left meanwhile, and no later event would report it.
  if (req.destroyed) throw endedEarly();
  return await receive(req, limitBytes, until_ms);
}

function receive(req: IncomingMessage, limitBytes: number, until_ms: number): Promise<Buffer> {
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
      else if (chunks.push(chunk) === mostChunks)
        chunks.splice(0, mostChunks, Buffer.concat(chunks, received));
    };
    const onEnd = (): void => settle(undefined);
    const onBroken = (): void => settle(endedEarly());
    // The server may allow hours for uploads. A small body needs a limit of its own.
    const timer = setTimeout(
      () => settle(new CatalogError('request_timeout', 'The body did not arrive in time.')),
      until_ms - performance.now(),
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
    await inTurnOf(callerKey(req), () => {
      req.body = parseJson(bytes);
      // The route checks the body at once, so this includes that.
      next();
    });
  };
}

export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw new CatalogError('malformed_request', 'The body is empty; JSON is expected.');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CatalogError('malformed_request', 'The body is not valid UTF-8.', { cause });
  }
  const value = parseExactJson(text);
  refusePrototypeKeys(text, value);
  return value;
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
      const at = `${pointer}/${printable(key, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`;
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
