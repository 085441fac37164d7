import { once } from 'node:events';
import { connectBlocking, connectStateRedis, refuseEviction } from '@catalog/redis';
import { withDeadline } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import type { ReportFailure } from './failures/report-failure.ts';

/** Adding jobs of a large claim takes longer than other commands. */
const call_ms = 2_000;

/** Closes a connection. Resolves when its socket is closed, or after a moment when the server does not answer. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === 'end') return;
  const ended = async () => {
    const end = once(redis, 'end');
    redis.disconnect();
    await end;
  };
  const late = () => new Error('the connection did not close within 500 ms');
  await withDeadline(ended, { after_ms: 500, late }).catch(() => undefined);
}

/** The connections to the state Redis. */
export class StateRedis {
  /** Its commands fail at once while Redis is away. The changes then wait in the outbox. */
  readonly producer: Redis;
  readonly #url: string;
  readonly #consumers = new Set<Redis>();

  constructor(url: string, reportFailure: ReportFailure) {
    this.#url = url;
    this.producer = connectStateRedis({
      url,
      name: 'invalidation-worker producer',
      call_ms,
      onError: reportFailure,
    });
  }

  /** A new connection that waits for messages or jobs, and waits for Redis while it is away. */
  connectConsumer(reportFailure: ReportFailure): Redis {
    const redis = connectBlocking({
      url: this.#url,
      name: 'invalidation-worker consumer',
      onError: reportFailure,
    });
    this.#consumers.add(redis);
    redis.on('end', () => this.#consumers.delete(redis));
    return redis;
  }

  /**
   * Waits until Redis answers.
   *
   * @throws when the server may evict keys: jobs would vanish
   */
  async ready(): Promise<void> {
    const { producer } = this;
    if (producer.status !== 'ready') {
      await new Promise<void>((resolve) => void producer.once('ready', () => resolve()));
    }
    await refuseEviction(producer);
  }

  async close(): Promise<void> {
    await Promise.all([this.producer, ...this.#consumers].map(closeRedis));
  }
}
