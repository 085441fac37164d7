/** The steps of a change, from the save to the near caches, with the rate, the lag and the health of each. */
import { count, durationText } from '../../elements/values.tsx';
import type { ReaderState, SystemState } from './state.ts';

export type Health = 'good' | 'warn' | 'bad' | 'unknown';

export interface Part {
  readonly name: string;
  readonly health: Health;
  /** The state in words, because colour alone says nothing to some people. */
  readonly word: string;
  readonly figure: string;
  readonly note: string;
}

const unknown = '–';
const rate = (value: number | undefined): string =>
  value === undefined ? unknown : `${value < 10 ? value.toFixed(1) : count(Math.round(value))}/s`;
const seconds = (value: number | undefined): string =>
  value === undefined ? unknown : `${value.toFixed(1)} s`;
const milliseconds = (value: number | null | undefined): string =>
  typeof value === 'number' ? durationText(value) : unknown;

const state = (isWell: boolean | undefined, ill: string, well = 'ready'): Pick<Part, 'health' | 'word'> => {
  if (isWell === undefined) return { health: 'unknown', word: 'unknown' };
  return isWell ? { health: 'good', word: well } : { health: 'bad', word: ill };
};

export function changePathOf({ services, stores, queues, feed, rates }: SystemState): Part[] {
  const service = (name: string) => services.find((one) => one.name === name);
  const worker = service('invalidation-worker');
  const read = service('catalog-read');
  const write = service('catalog-write');
  const queue = queues.find(({ name }) => name === 'invalidation');
  const fails = (check: string): boolean => worker?.failing[check] !== undefined;
  const workerKnows = worker !== undefined && worker.state !== 'no answer';
  const postgresIsAway =
    stores.postgresMs === null || services.some(({ failing }) => failing['postgres'] !== undefined);
  return [
    {
      name: 'write',
      ...state(write === undefined ? undefined : write.state === 'ready', write?.state ?? ''),
      figure: rate(rates.writes),
      note: 'saves',
    },
    {
      name: 'Postgres',
      ...state(!postgresIsAway, 'away'),
      figure: milliseconds(stores.postgresMs),
      note: `${rate(rates.loaded)} loads`,
    },
    {
      name: 'outbox',
      ...outboxState(feed),
      figure: feed.unapplied === undefined ? unknown : count(feed.unapplied),
      note: 'open changes',
    },
    {
      name: 'relay',
      ...(workerKnows && fails('doorbell')
        ? { health: 'warn' as const, word: 'deaf' }
        : state(workerKnows, 'away', 'listens')),
      figure: seconds(feed.oldestUnappliedSeconds),
      note: 'oldest waits',
    },
    {
      name: 'queue',
      ...(queue?.counts !== undefined && queue.paused !== undefined
        ? { health: 'bad' as const, word: 'paused' }
        : state(queue?.counts !== undefined, 'away', 'runs')),
      figure: queue?.counts === undefined ? unknown : count(queue.counts.waiting),
      note: queue?.counts?.failed ? `${count(queue.counts.failed)} failed` : 'jobs wait',
    },
    {
      name: 'worker',
      ...state(worker === undefined ? undefined : worker.state === 'ready', worker?.state ?? ''),
      figure: rate(rates.applied),
      note: feed.freshP99Ms === undefined ? 'applied' : `p99 ${milliseconds(feed.freshP99Ms)}`,
    },
    {
      name: 'Redis',
      ...(stores.cacheRedisMs === null
        ? state(false, 'away')
        : state(
            workerKnows ? !fails('cache') : undefined,
            worker?.failing['cache']?.includes('cache_redis_') === true ? 'refuses writes' : 'away',
          )),
      figure: milliseconds(stores.cacheRedisMs),
      note: `${seconds(feed.watermarkAgeSeconds)} behind`,
    },
    {
      name: 'readers',
      ...state(read === undefined ? undefined : read.state === 'ready', read?.state ?? ''),
      figure: rate(rates.reads),
      note: 'reads',
    },
  ];
}

function outboxState({
  unapplied,
  oldestUnappliedSeconds = 0,
}: SystemState['feed']): Pick<Part, 'health' | 'word'> {
  if (unapplied === undefined) return { health: 'unknown', word: 'unknown' };
  if (unapplied === 0) return { health: 'good', word: 'empty' };
  // Within the bound a change is only on its way.
  return { health: oldestUnappliedSeconds > 2 ? 'warn' : 'good', word: 'filled' };
}

/** One near cache in words: how many entries it holds, or that it is silent. */
export function nearCacheOf({ isSound, nearEntries, watermarkAgeSeconds }: ReaderState): {
  readonly health: Health;
  readonly word: string;
  readonly title: string;
} {
  if (!isSound)
    return {
      health: 'warn',
      word: 'silent',
      title: 'It hears no heartbeat of the worker, so it serves nothing from its near cache.',
    };
  return {
    health: 'good',
    word: count(nearEntries),
    title: `${count(nearEntries)} entries in its near cache, watermark ${seconds(watermarkAgeSeconds ?? undefined)}`,
  };
}
