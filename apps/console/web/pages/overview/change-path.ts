/** The steps of a change, from the save to the near caches, with the health of each. */
import { count } from '../../elements/values.tsx';
import type { SystemState } from './state.ts';

export type Health = 'good' | 'warn' | 'bad' | 'unknown';

export interface Part {
  readonly name: string;
  readonly health: Health;
  /** The state in words, because colour alone says nothing to some people. */
  readonly word: string;
  readonly figure: string;
  readonly note: string;
}

const rate = (value: number | undefined): string =>
  value === undefined ? '–' : `${value < 10 ? value.toFixed(1) : count(Math.round(value))}/s`;

export function changePathOf(state: SystemState): Part[] {
  const { services, queues, feed, rates } = state;
  const service = (name: string) => services.find((one) => one.name === name);
  const worker = service('invalidation-worker');
  const read = service('catalog-read');
  const write = service('catalog-write');
  const queue = queues.find(({ name }) => name === 'invalidation');
  const check = (name: string) => worker?.failing[name];
  const workerKnows = worker !== undefined && worker.state !== 'no answer';
  const of = (isWell: boolean | undefined, ill = 'not ready'): Pick<Part, 'health' | 'word'> =>
    isWell === undefined
      ? { health: 'unknown', word: 'unknown' }
      : isWell
        ? { health: 'good', word: 'ready' }
        : { health: 'bad', word: ill };
  const postgresIll = services.some(({ failing }) => failing['postgres'] !== undefined);
  const lag_s = feed.watermarkAgeSeconds;
  return [
    {
      name: 'write',
      ...of(write === undefined ? undefined : write.state === 'ready', write?.state),
      figure: rate(rates.writes),
      note: 'catalog-write',
    },
    {
      name: 'Postgres',
      ...of(!postgresIll, 'away'),
      figure: rate(rates.loaded),
      note: 'keys loaded by readers',
    },
    {
      name: 'outbox',
      health:
        feed.unapplied === undefined
          ? 'unknown'
          : feed.unapplied > 0 && (feed.oldestUnappliedSeconds ?? 0) > 2
            ? 'warn'
            : 'good',
      word: feed.unapplied === undefined ? 'unknown' : feed.unapplied === 0 ? 'empty' : 'filled',
      figure: feed.unapplied === undefined ? '–' : count(feed.unapplied),
      note: 'not yet applied',
    },
    {
      name: 'relay',
      ...(workerKnows
        ? check('doorbell') === undefined
          ? { health: 'good' as const, word: 'listens' }
          : { health: 'warn' as const, word: 'deaf' }
        : { health: 'bad' as const, word: 'away' }),
      figure: feed.oldestUnappliedSeconds === undefined ? '–' : `${feed.oldestUnappliedSeconds.toFixed(1)} s`,
      note: 'oldest change waits',
    },
    {
      name: 'queue',
      ...(queue?.counts === undefined
        ? { health: 'bad' as const, word: 'away' }
        : queue.paused !== undefined
          ? { health: 'bad' as const, word: 'paused' }
          : { health: 'good' as const, word: 'runs' }),
      figure: queue?.counts === undefined ? '–' : count(queue.counts.waiting),
      note: 'jobs wait',
    },
    {
      name: 'worker',
      ...of(worker === undefined ? undefined : worker.state === 'ready', worker?.state),
      figure: rate(rates.applied),
      note: 'applied',
    },
    {
      name: 'Redis',
      ...(workerKnows ? of(check('cache') === undefined, 'away') : of(undefined)),
      figure: lag_s === undefined ? '–' : `${lag_s.toFixed(1)} s`,
      note: 'watermark',
    },
    {
      name: 'readers',
      ...of(read === undefined ? undefined : read.state === 'ready', read?.state),
      figure: rate(rates.reads),
      note: feed.nearEntries === undefined ? 'near caches' : `${count(feed.nearEntries)} near entries`,
    },
  ];
}
