import type { Entity } from '@catalog/contracts';
import { timings } from '../timings.ts';

/** Where an answer is cached, and for how long. */
export interface Place {
  /** The entity or the list, for metrics. */
  readonly name: string;
  readonly cacheKey: string;
  readonly payloadSchema: number;
  /** How long the payload counts as current while no change is heard of. */
  readonly softTtl_ms: number;
  /** Set for a page. The page counts, and is kept, only while its generation of this list is the current one. */
  readonly list?: string;
}

export function placeOf(entity: Entity, key: string): Place {
  const { name, payloadSchema, softTtl_ms = timings.softTtl_ms } = entity;
  return { name, cacheKey: entity.cacheKey(key), payloadSchema, softTtl_ms };
}
