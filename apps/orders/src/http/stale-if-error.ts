import type { Request } from 'express';

/**
 * `Cache-Control: stale-if-error=SECONDS` of a request (RFC 5861, 4): what its caller accepts where the catalog cannot
 * answer. 0 without it: nothing stale is accepted. In milliseconds.
 */
export function staleIfErrorOf(req: Request): number {
  const [, seconds] =
    /(?:^|[\s,])stale-if-error="?(\d{1,9})"?(?:$|[\s,;])/i.exec(req.get('Cache-Control') ?? '') ?? [];
  return seconds === undefined ? 0 : Number(seconds) * 1_000;
}
