/** Names, units and help of catalog-read's own metrics. */
import type { CacheEvents, CacheStatus } from '@catalog/cache';
import type { Metrics } from '@catalog/service-kit';
import { Counter, Gauge } from 'prom-client';
import type { CatalogCache } from './cache/catalog-cache.ts';
import { answersFrom } from './http/answer.ts';
import type { LostViews } from './products/view-counters.ts';

type LoadState = CacheStatus['loads']['keys'];

export function createReadMetrics({ registry }: Metrics): {
  events: CacheEvents;
  onLoad(entity: string, keys: number): void;
  onLostViews(reason: LostViews, views: number): void;
  observe(cache: CatalogCache): void;
} {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const fillsRefused = counter('cache_fills_refused_total', 'Fills that came too late, or without a lease.', [
    'entity',
  ]);
  const overtaken = counter(
    'cache_answers_overtaken_total',
    'Answers older than one already served, read again.',
    ['entity'],
  );
  const cacheFailures = counter(
    'cache_failures_total',
    'Calls to the cache Redis that failed, were late or not made.',
  );
  const loadFailures = counter('cache_load_failures_total', 'Loads from Postgres that failed or were shed.', [
    'entity',
  ]);
  const loads = counter('cache_loads_total', 'Queries that loaded keys from Postgres.', ['entity']);
  const loadedKeys = counter('cache_loaded_keys_total', 'Keys that were loaded from Postgres.', ['entity']);
  const lostViews = counter(
    'product_views_lost_total',
    'Views that were not counted: the state Redis is nearly full (memory), too many products were viewed at once (limit), or it failed.',
    ['reason'],
  );
  return {
    onLostViews: (reason, views) => lostViews.inc({ reason }, views),
    onLoad(entity, keys) {
      loads.inc({ entity });
      loadedKeys.inc({ entity }, keys);
    },
    events: {
      fillRefused: (entity) => fillsRefused.inc({ entity }),
      overtaken: (entity) => overtaken.inc({ entity }),
      cacheFailed: () => cacheFailures.inc(),
      loadFailed: (entity) => loadFailures.inc({ entity }),
    },
    observe(cache) {
      const gauge = (name: string, help: string, read: () => number) =>
        new Gauge({
          name,
          help,
          registers,
          collect() {
            this.set(read());
          },
        });
      gauge('near_cache_entries', 'Entries in the near cache.', () => cache.status().nearCache.entries);
      gauge('near_cache_bytes', 'Bytes that the near cache holds.', () => cache.status().nearCache.bytes);
      gauge('near_cache_sound', '1 while the near cache may serve.', () =>
        cache.status().nearCache.isSound ? 1 : 0,
      );
      const silences = new Counter({
        name: 'near_cache_silences_total',
        help: 'How often the near cache fell silent, and why.',
        labelNames: ['reason'],
        registers: [],
        collect() {
          this.reset();
          for (const [reason, count] of Object.entries(cache.status().nearCache.silences))
            this.inc({ reason }, count);
        },
      });
      registry.registerMetric(silences);
      const answers = new Counter({
        name: 'cache_answers_total',
        help: 'Answers of products, pages and settings, by their source: near, redis, stored and bypass (from Postgres), stale.',
        labelNames: ['source'],
        registers: [],
        collect() {
          this.reset();
          for (const [source, count] of Object.entries(answersFrom)) this.inc({ source }, count);
        },
      });
      registry.registerMetric(answers);
      gauge('cache_breaker_open', '1 while Redis fails and reads do not ask it.', () =>
        cache.status().breakerIsOpen ? 1 : 0,
      );
      const ofGuards = (name: string, help: string, read: (state: LoadState) => number) =>
        new Gauge({
          name,
          help,
          labelNames: ['of'],
          registers,
          collect() {
            for (const [of, state] of Object.entries(cache.status().loads)) this.set({ of }, read(state));
          },
        });
      ofGuards('load_breaker_open', '1 while Postgres fails and reads do not ask it.', ({ isOpen }) =>
        isOpen ? 1 : 0,
      );
      ofGuards('load_running', 'Loads from Postgres under way.', ({ running }) => running);
      ofGuards('load_waiting', 'Loads that wait for a place.', ({ waiting }) => waiting);
      const shed = new Counter({
        name: 'loads_shed_total',
        help: 'Loads that were refused, and why.',
        labelNames: ['of', 'reason'],
        registers: [],
        collect() {
          this.reset();
          for (const [of, state] of Object.entries(cache.status().loads)) {
            for (const [reason, count] of Object.entries(state.shed)) this.inc({ of, reason }, count);
          }
        },
      });
      registry.registerMetric(shed);
      gauge('cache_fresh', '1 while Redis counts as fresh.', () => (cache.status().redisIsFresh ? 1 : 0));
      gauge('cache_watermark_age_seconds', 'How far behind the newest commit the cache may be.', () => {
        const age_ms = cache.status().watermarkAge_ms;
        return Number.isFinite(age_ms) ? age_ms / 1000 : Number.NaN;
      });
    },
  };
}
