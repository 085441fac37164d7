/** What a million reads and a hundred thousand changes a second need, and which part is full first. */
import { format, markdownTable } from '@catalog/testing';
import { carriedShare, coresOf, readersFor, sharesOf, type Cores, type Costs } from './arithmetic.ts';

/** Bytes that one product takes. */
export interface Memory {
  readonly redis: number;
  readonly nearCache: number;
}

export const names: Readonly<Record<keyof Cores, string>> = {
  readers: 'catalog-read',
  redis: 'cache Redis',
  state: 'state Redis',
  worker: 'invalidation-worker',
  postgres: 'Postgres',
};
export const parts = Object.keys(names) as (keyof Cores)[];

export const softTtl_s = 3_600;
const large = { readsPerSecond: 1_000_000, changesPerSecond: 100_000, products: 10_000_000, softTtl_s };
const load = 'A million reads and 100,000 changes a second of ten million products';
/** How busy a core may be in the plan. */
const plannedBusyShare = 0.7;
/** Cores of a large Postgres server. */
const coresOfPrimary = 32;
/** The default of catalog-read. */
const nearCache_bytes = 64 * 1024 * 1024;

export function planLines(costs: Costs, memory: Memory): string[] {
  const workload = { ...large, nearEntries: Math.floor(nearCache_bytes / memory.nearCache) };
  return [...limitLines(workload, costs), '', ...needLines(workload, costs, memory)];
}

type Planned = typeof large & { readonly nearEntries: number };

/** Which part is full first, with one server of each kind and enough readers. */
function limitLines(workload: Planned, costs: Costs): string[] {
  const carried = parts.map((part) => ({
    part,
    factor: carriedShare(part, part === 'postgres' ? coresOfPrimary : 1, workload, costs, plannedBusyShare),
  }));
  const ofReaders = carried.find(({ part }) => part === 'readers')?.factor ?? Number.POSITIVE_INFINITY;
  const rate = (part: keyof Cores, factor: number, perSecond: number) => {
    if (!Number.isFinite(factor)) return 'more than a hundred times the load';
    // Beyond this factor, no number of readers is enough, so nothing larger can be computed.
    if (part !== 'readers' && factor >= ofReaders) return `more than ${names.readers}`;
    return format(Math.round(factor * perSecond));
  };
  return [
    `With one server of each kind, Postgres with ${coresOfPrimary} cores, and as many readers as it takes, ${100 * plannedBusyShare} % of the`,
    'cores of this part are busy at (ten reads for each change):',
    '',
    ...markdownTable(
      ['', 'reads a second', 'changes a second'],
      carried
        .toSorted((a, b) => a.factor - b.factor)
        .map(({ part, factor }) => [
          names[part],
          rate(part, factor, large.readsPerSecond),
          rate(part, factor, large.changesPerSecond),
        ]),
    ),
  ];
}

function needLines(workload: Planned, costs: Costs, memory: Memory): string[] {
  const readers = readersFor(workload, costs, plannedBusyShare);
  if (!Number.isFinite(readers)) return [`${load}: every reader would be busy with the changes alone.`];
  const all = { ...workload, readers };
  const shares = sharesOf(all);
  const busy = coresOf(all, shares, costs);
  const count = (part: keyof Cores) => Math.ceil(busy[part] / plannedBusyShare);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const GiB = (bytes: number) => `${format(bytes / 2 ** 30)} GiB`;
  return [
    `${load}, each core ${100 * plannedBusyShare} % busy:`,
    '',
    ...markdownTable(
      ['', 'busy cores', 'planned'],
      [
        [names.readers, busy.readers.toFixed(1), `${readers} processes`],
        [names.redis, busy.redis.toFixed(1), `${count('redis')} shards`],
        [
          names.state,
          busy.state.toFixed(2),
          count('state') === 1 ? 'one server' : 'more than one server can serve',
        ],
        [names.worker, busy.worker.toFixed(1), `${count('worker')} processes`],
        [
          names.postgres,
          busy.postgres.toFixed(1),
          `${Math.ceil(busy.postgres / (plannedBusyShare * coresOfPrimary))} primaries of ${coresOfPrimary} cores`,
        ],
      ],
    ),
    '',
    `Near caches answer ${percent(shares.near)} of the reads, Redis ${percent(shares.redis)}, Postgres ${percent(shares.postgres)}. ` +
      `A cached product takes ${format(memory.redis)} bytes in Redis: ${GiB(memory.redis * large.products)} if all are cached. It takes ` +
      `${format(memory.nearCache)} bytes in a near cache, which holds ${format(workload.nearEntries)} of them.`,
  ];
}
