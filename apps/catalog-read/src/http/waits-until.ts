import { waitsUntil } from '@catalog/service-kit';
import type { Request } from 'express';

/** `waitsUntil` for who may never have to wait: looked at once, when first asked, and not before. */
export function lazyWaitsUntil(req: Request): () => number {
  let until_ms: number | undefined;
  return () => (until_ms ??= waitsUntil(req));
}
