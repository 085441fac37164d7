import type { WorkerCache } from '@catalog/cache/worker';
import { type ChangeSlot, type ChangeSlotSummary, feedLimits } from '@catalog/change-feed';
import { timings } from '@catalog/contracts';
import type { Readiness } from '@catalog/service-kit';
import type { Redis } from 'ioredis';
import type { Pool } from 'pg';
import type { Feed } from './feed/feed.ts';
import type { Heartbeat } from './heartbeat/heartbeat.ts';
import type { SetAside } from './set-aside/set-aside.ts';

/** The report shows the code, because messages may name hosts. */
class NotReady extends Error {
  override readonly name = 'NotReady';
  readonly code: string;

  constructor(code: string, options?: ErrorOptions) {
    super(`the worker is not ready: ${code}`, options);
    this.code = code;
  }
}

/** Why Redis refuses writes, by the first word of its answer. */
const refusals: Readonly<Record<string, string>> = {
  OOM: 'full',
  MISCONF: 'cannot_save',
  READONLY: 'is_a_replica',
};
const refusalOf = (error: unknown): string | undefined =>
  refusals[/^[A-Z]+/.exec(error instanceof Error ? error.message : '')?.[0] ?? ''];

interface ReadinessOptions {
  readonly pool: Pool;
  readonly cache: WorkerCache;
  /** The state Redis. */
  readonly redis: Redis;
  readonly feed: Feed;
  readonly heartbeat: Heartbeat;
  readonly setAside: SetAside;
  readonly changeSlot: Pick<ChangeSlot, 'summary'>;
}

export function addReadinessChecks(
  readiness: Readiness,
  { pool, cache, redis, feed, heartbeat, setAside, changeSlot }: ReadinessOptions,
): void {
  readiness.add('postgres', () => pool.query('select 1'));
  readiness.add('cache', async () => {
    cache.requireIncarnation();
    // Keys of a shard that refuses writes are set aside.
    const [shard] = cache.shards.isSingle ? cache.present : [];
    // It writes nothing, because there is no such key, but it is refused as a write. Without an answer, the connection finds out.
    await shard?.connection.redis.set('list:write-probe', '', 'XX').catch((error: unknown) => {
      const refusal = refusalOf(error);
      if (refusal !== undefined) throw new NotReady(`cache_redis_${refusal}`, { cause: error });
    });
  });
  readiness.add('queue', async () => {
    // A Redis that answers reads may still refuse writes, and then no job can be queued.
    await redis.set('bull:write-probe', '1', 'PX', 1_000).catch((error: unknown) => {
      const refusal = refusalOf(error);
      throw refusal === undefined ? error : new NotReady(`state_redis_${refusal}`, { cause: error });
    });
    if (await feed.invalidationQueue.isPaused()) throw new NotReady('queue_paused');
  });
  readiness.add('heartbeat', () => {
    if (heartbeat.silentFor_ms > timings.bound_ms) throw new NotReady('no_heartbeat_sent');
  });
  readiness.add('doorbell', () => {
    if (!feed.isListening()) throw new NotReady('listener_hears_nothing');
  });
  // A warning, because a long backlog of a healthy worker is no reason to restart it. The checks above name other causes.
  readiness.warn('watermark', async () => {
    const behind_ms = heartbeat.behind_ms ?? 0;
    if (behind_ms <= timings.bound_ms) return undefined;
    return `changes are applied ${(behind_ms / 1_000).toFixed(1)} s late, which is more than the bound of 2 s`;
  });
  // A warning, because the keys of all other shards are served from the caches.
  readiness.warn('shards', async () => {
    if (cache.shards.isSingle) return undefined;
    const [shards, present] = [cache.shards.all.length, cache.present.length];
    const { away } = await setAside.summary();
    if (present === shards && away === 0) return undefined;
    return `shards of the cache Redis that are there: ${present} of ${shards}. Keys with changes that wait for their shard: ${away}`;
  });
  // A warning, because all other keys are served from the caches. The ACL of the cache Redis has to be changed.
  readiness.warn('set aside', async () => {
    const { count, keys, reason } = await setAside.summary();
    if (count === 0) return undefined;
    const names = `${keys.join(', ')}${count > keys.length ? ', …' : ''}`;
    return `keys that are read past the cache, because the cache Redis refuses to invalidate them: ${count} (${names}). It says: ${reason}`;
  });
  // A warning, because the log of the worker names the cause, and another worker may hold the slot.
  readiness.warn('change slot', async () => slotWarning(await changeSlot.summary()));
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

export function slotWarning(slot: Omit<ChangeSlotSummary, `${string}_${string}`>): string | undefined {
  const { wanted, source, inUse, isLost, isHeld, walStatus } = slot;
  if (isLost) return 'the slot was lost: readers go to Postgres until the cache is purged';
  if (inUse && !isHeld) return 'no worker reads the slot: readers go to Postgres';
  if (inUse && walStatus === 'unreserved')
    return 'Postgres is about to delete write-ahead log that the slot needs';
  if (wanted !== source) return `changes come from the ${source}, although the ${wanted} is wanted`;
  return undefined;
}
