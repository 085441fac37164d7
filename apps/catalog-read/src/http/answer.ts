import type { Answer, Source } from '@catalog/cache';
import { CatalogError, etagOf, type Entity } from '@catalog/contracts';
import { requestIdOf, toProblem } from '@catalog/service-kit';
import type { Response } from 'express';
import type { z } from 'zod';

/** RFC 9211. `near` is this process, `redis` the shared cache. */
export const cacheStatus: Record<Source, string> = {
  near: 'catalog-read; hit; detail=near',
  redis: 'catalog-read; hit; detail=redis',
  stored: 'catalog-read; fwd=miss; stored',
  bypass: 'catalog-read; fwd=bypass',
  stale: 'catalog-read; hit; detail=stale',
};

/** How many answers came from each source. For metrics. */
export const answersFrom: Record<Source, number> = { near: 0, redis: 0, stored: 0, bypass: 0, stale: 0 };

/** The headers of every cached answer, for the document. */
export const describedCacheHeaders = {
  'Cache-Status':
    'RFC 9211: the cache that answered, or why none did. `detail=stale` marks an answer that may be older than the bound.',
  Age: 'Seconds since it was read from Postgres.',
};

/** What answers with a list page say besides, for the document. */
export const describedPageHeaders = {
  Vary: 'Accept-Encoding.',
  'Content-Encoding': '`gzip`, if the client accepts it and the page has at least a kilobyte.',
};

/** The answers of `sendEntity`, for the document. */
export function entityAnswers(schema: z.ZodType) {
  const headers = {
    ...describedCacheHeaders,
    ETag: 'Opaque. Send it as If-None-Match, or as If-Match to catalog-write.',
    'Catalog-Version': 'Send it as Min-Version to read nothing older.',
  };
  return {
    200: { description: 'Found.', schema, headers },
    304: { description: 'If-None-Match lists the current ETag.', headers },
  };
}

/** In the flat form that `writeHead` takes without copying. */
function cacheHeaders(source: Source, age_ms: number): string[] {
  answersFrom[source] += 1;
  return [
    'Cache-Status',
    cacheStatus[source],
    'Age',
    String(Math.floor(age_ms / 1000)),
    'Cache-Control',
    'no-cache',
  ];
}

export interface CachedBody {
  readonly payload: Buffer;
  readonly source: Source;
  readonly age_ms: number;
  /** The newest version in the body, if the caller may ask for one. */
  readonly version?: number;
  /** How the payload is coded, if the client could choose. */
  readonly encoding?: 'identity' | 'gzip';
}

/** Sends JSON that comes from the cache, or was joined from cached bodies. */
export function sendCached(res: Response, body: CachedBody): void {
  const { payload, source, age_ms, version, encoding } = body;
  const headers = cacheHeaders(source, age_ms);
  if (version !== undefined) headers.push('Catalog-Version', String(version));
  if (encoding !== undefined) headers.push('Vary', 'Accept-Encoding');
  if (encoding === 'gzip') headers.push('Content-Encoding', 'gzip');
  headers.push('Content-Type', 'application/json', 'Content-Length', String(payload.length));
  res.writeHead(200, headers).end(payload);
}

/** Sends an entity as its cached bytes, or 304, or 404. */
export function sendEntity(
  res: Response,
  entity: Entity,
  answer: Answer,
  ifNoneMatch: string | undefined,
): void {
  const { version, text, source, age_ms } = answer;
  const headers = cacheHeaders(source, age_ms);
  headers.push('Catalog-Version', String(version));
  if (text === null) {
    sendMissing(res, headers, `There is no such ${entity.name}.`);
    return;
  }
  const etag = etagOf(entity, version);
  headers.push('ETag', etag);
  if (ifNoneMatch !== undefined && lists(ifNoneMatch, etag)) {
    res.writeHead(304, headers).end();
    return;
  }
  headers.push('Content-Type', 'application/json', 'Content-Length', String(text.length));
  res.writeHead(200, headers).end(text, 'latin1');
}

/** Absence is cached too, so a 404 has the headers of a cached answer. */
function sendMissing(res: Response, headers: string[], detail: string): void {
  const problem = toProblem(new CatalogError('not_found', detail), requestIdOf(res.req));
  const body = Buffer.from(JSON.stringify(problem));
  headers.push('Content-Type', 'application/problem+json', 'Content-Length', String(body.length));
  res.writeHead(404, headers).end(body);
}

/**
 * Weak comparison (RFC 9110, 13.1.2). It searches the tag instead of taking the list apart: a header may have thousands of tags.
 */
export function lists(ifNoneMatch: string, etag: string): boolean {
  for (let at = ifNoneMatch.indexOf(etag); at !== -1; at = ifNoneMatch.indexOf(etag, at + etag.length))
    if (beginsTag(ifNoneMatch, at) && endsTag(ifNoneMatch, at + etag.length)) return true;
  return ifNoneMatch.trim() === '*';
}

function beginsTag(list: string, at: number): boolean {
  let before = list.startsWith('W/', at - 2) ? at - 3 : at - 1;
  while (isBlank(list[before])) before -= 1;
  return before < 0 || list[before] === ',';
}

function endsTag(list: string, at: number): boolean {
  let behind = at;
  while (isBlank(list[behind])) behind += 1;
  return behind === list.length || list[behind] === ',';
}

const isBlank = (character: string | undefined): boolean => character === ' ' || character === '\t';
