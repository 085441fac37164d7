import { byProcess } from './metrics.ts';

/** One process of catalog-read, as its metrics say. */
export interface ReaderState {
  readonly name: string;
  /** False while it does not trust its near cache, because it hears no heartbeat of the worker. */
  readonly isSound: boolean;
  /** null while it does not know how far the cache is behind. */
  readonly watermarkAgeSeconds: number | null;
  readonly nearEntries: number;
}

/** In the order of their numbers. Empty when catalog-read does not answer. */
export function readersOf(metrics: string): ReaderState[] {
  const sound = byProcess(metrics, 'near_cache_sound');
  const ages = byProcess(metrics, 'cache_watermark_age_seconds');
  const entries = byProcess(metrics, 'near_cache_entries');
  return [...sound]
    .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([name, isSound]) => {
      const age_s = ages.get(name) ?? Number.NaN;
      return {
        name,
        isSound: isSound === 1,
        watermarkAgeSeconds: Number.isFinite(age_s) ? age_s : null,
        nearEntries: entries.get(name) ?? 0,
      };
    });
}
