import type { CacheConnection } from '@catalog/cache';
import { feedLimits } from '@catalog/change-feed';
import { timings } from '@catalog/contracts';
import type { Readiness } from '@catalog/service-kit';
import type { Redis } from 'ioredis';
import type { Pool } from 'pg';
import type { Feed } from './feed/feed.ts';
import type { Heartbeat } from './heartbeat/heartbeat.ts';

interface ReadinessOptions {
  readonly pool: Pool;
  readonly cache: CacheConnection;
  /** The state Redis. */
  readonly redis: Redis;
  readonly feed: Feed;
  readonly heartbeat: Heartbeat;
}

export function addReadinessChecks(
  readiness: Readiness,
  { pool, cache, redis, feed, heartbeat }: ReadinessOptions,
): void {
  readiness.add('postgres', () => pool.query('select 1'));
  readiness.add('cache', () => cache.requireIncarnation());
  readiness.add('queue', () => redis.ping());
  readiness.add('heartbeat', () => {
    if (heartbeat.silentFor_ms > timings.bound_ms)
      throw new Error('no heartbeat was sent within the bound of 2 s');
  });
  readiness.add('doorbell', () => {
    if (!feed.isListening()) throw new Error('the doorbell listener does not hear its canary');
  });
  // A warning, because fewer workers or a restart would not help: another session fills the NOTIFY queue, and the relay finds
  // changes without a ring.
  readiness.warn('doorbell', async () => {
    const { rows } = await pool.query<{ usage: number }>('select pg_notification_queue_usage() as usage');
    const usage = rows[0]?.usage ?? 0;
    if (usage < feedLimits.notificationQueueUsage) return undefined;
    const percent = Math.floor(usage * 100);
    return `silent: the NOTIFY queue of Postgres is ${percent} % full, because a session that listens keeps a transaction open`;
  });
}
