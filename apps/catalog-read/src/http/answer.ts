import type { Answer, Source } from '@catalog/cache';
import { CatalogError, etagOf, type Entity } from '@catalog/contracts';
import { requestIdOf, toProblem } from '@catalog/service-kit';
import type { Request, Response } from 'express';

/** RFC 9211. `near` is this process, `redis` the shared cache. */
const cacheStatus: Record<Source, string> = {
  near: 'catalog-read; hit; detail=near',
  redis: 'catalog-read; hit; detail=redis',
  stored: 'catalog-read; fwd=miss; stored',
  bypass: 'catalog-read; fwd=bypass',
  stale: 'catalog-read; hit; detail=stale',
};

/** What an answer says of itself, in the flat form that `writeHead` takes without copying. */
export function cacheHeaders(source: Source, age_ms: number): string[] {
  return [
    'Cache-Status',
    cacheStatus[source],
    'Age',
    String(Math.floor(age_ms / 1000)),
    'Cache-Control',
    'no-cache',
  ];
}

/** Sends an entity as its cached bytes, or 304, or 404. */
export function sendEntity(req: Request, res: Response, entity: Entity, answer: Answer): void {
  const { version, payload, source, age_ms } = answer;
  const headers = cacheHeaders(source, age_ms);
  headers.push('Catalog-Version', String(version));
  if (payload === null) {
    sendMissing(req, res, headers, `There is no ${entity.name} here.`);
    return;
  }
  const etag = etagOf(entity, version);
  headers.push('ETag', etag);
  const condition = req.headers['if-none-match'];
  if (condition !== undefined && matches(condition, etag)) {
    res.writeHead(304, headers).end();
    return;
  }
  headers.push('Content-Type', 'application/json', 'Content-Length', String(payload.length));
  res.writeHead(200, headers).end(payload);
}

/** A 404 that says where it comes from: absence is cached too. */
function sendMissing(req: Request, res: Response, headers: string[], detail: string): void {
  const body = Buffer.from(
    JSON.stringify(toProblem(new CatalogError('not_found', detail), requestIdOf(req))),
  );
  headers.push('Content-Type', 'application/problem+json', 'Content-Length', String(body.length));
  res.writeHead(404, headers).end(body);
}

/** RFC 9110, 13.1.2: weak comparison. */
function matches(condition: string, etag: string): boolean {
  if (condition.trim() === '*') return true;
  return condition.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
