/**
 * The cost of a load, computed from the costs of single reads and changes. `arithmetic.test.ts` compares the shares with a
 * simulation of single events. `npm run bench -- --only scale` compares the costs with a measured run. docs/scale.md explains it.
 */

/** Reads are drawn by a Zipf law (0.99) as in `zipf.ts`; each change takes any product. */
export interface Workload {
  readonly readsPerSecond: number;
  readonly changesPerSecond: number;
  readonly products: number;
  /** Processes of catalog-read. Each has its own near cache, and gets an equal share of the reads. */
  readonly readers: number;
  /** What one near cache holds. */
  readonly nearEntries: number;
  /** An entry that no change has replaced is loaded again after this time. */
  readonly softTtl_s: number;
}

/** Shares of all reads, by the source of their answers. */
export interface Shares {
  readonly near: number;
  readonly redis: number;
  readonly postgres: number;
  /** The share of the changes whose key is in Redis, so that the worker loads it again. */
  readonly refreshed: number;
}

/** CPU time in microseconds. */
export interface Costs {
  readonly reader: {
    readonly near: number;
    readonly redis: number;
    readonly postgres: number;
    readonly change: number;
  };
  readonly redis: {
    readonly read: number;
    readonly change: number;
    /** For each process that hears a change. */
    readonly listener: number;
  };
  /** The state Redis counts every read, as a request of its caller and as a view. */
  readonly state: { readonly read: number; readonly change: number };
  readonly postgres: { readonly read: number; readonly change: number };
  readonly worker: { readonly change: number };
}

/** Cores that are busy all the time. */
export interface Cores {
  /** All processes of catalog-read together. */
  readonly readers: number;
  readonly redis: number;
  readonly state: number;
  readonly worker: number;
  readonly postgres: number;
}

/**
 * Reads and changes of a key come at random moments, independent of each other (Poisson): λ reads and μ changes a second.
 *
 * - Redis has the entry for the soft TTL T. A change fills it again, because the worker refreshes keys in use. So it stays
 *   until T passes without a change, (e^μT − 1) ÷ μ on average, and is then missed until the next read.
 * - A near cache must ask Redis once after each change and after each T, for the next read in its process.
 * - It also drops keys that were not read for a long time. The time follows from its size, by Che's approximation of an LRU list
 *   (Che, Tung and Wang, "Hierarchical Web caching systems", 2002).
 */
export function sharesOf({
  readsPerSecond,
  changesPerSecond,
  products,
  readers,
  nearEntries,
  softTtl_s,
}: Workload): Shares {
  const groups = zipfGroups(products);
  const changes = changesPerSecond / products;
  const inList_s = timeInList_s(groups, readsPerSecond / readers, nearEntries);
  const live_s = changes === 0 ? softTtl_s : Math.expm1(changes * softTtl_s) / changes;
  const isUnchanged = Math.exp(-changes * softTtl_s);
  const copied_s = changes === 0 ? softTtl_s : (1 - isUnchanged) / changes;
  let [near, redis, refreshed] = [0, 0, 0];
  for (const { count, weight } of groups) {
    const reads = readsPerSecond * weight;
    const ofReader = reads / readers;
    const isLive = Number.isFinite(live_s) ? (reads * live_s) / (1 + reads * live_s) : 1;
    const nothing = Math.exp(-(ofReader + changes) * softTtl_s);
    const isReadWhileCopied = 1 - (changes / (ofReader + changes)) * (1 - nothing) - nothing;
    // The read that fills Redis fills the near cache of its process too.
    const asksRedis = ((readers - isUnchanged) * isReadWhileCopied) / (reads * copied_s);
    const isInList = (ofReader / (ofReader + changes)) * -Math.expm1(-(ofReader + changes) * inList_s);
    const isNear = isLive * Math.min(1 - asksRedis, isInList);
    near += count * weight * isNear;
    redis += count * weight * (isLive - isNear);
    refreshed += (count * isLive) / products;
  }
  return { near, redis, postgres: 1 - near - redis, refreshed };
}

export function coresOf(workload: Workload, { near, redis, postgres }: Shares, costs: Costs): Cores {
  const { readsPerSecond: reads, changesPerSecond: changes, readers } = workload;
  const { reader } = costs;
  const busy = (us: number) => us / 1e6;
  return {
    // Every process hears every change.
    readers: busy(
      reads * (near * reader.near + redis * reader.redis + postgres * reader.postgres) +
        readers * changes * reader.change,
    ),
    redis: busy(
      reads * redis * costs.redis.read + changes * (costs.redis.change + readers * costs.redis.listener),
    ),
    state: busy(reads * costs.state.read + changes * costs.state.change),
    worker: busy(changes * costs.worker.change),
    postgres: busy(reads * postgres * costs.postgres.read + changes * costs.postgres.change),
  };
}

/** How many processes of catalog-read a load needs, if each may keep this share of its core busy. Infinity: no number is enough. */
export function readersFor(workload: Omit<Workload, 'readers'>, costs: Costs, busyShare: number): number {
  const { reader } = costs;
  // The CPU time that changes leave for reads. `least` processes are needed even if every read were of the cheapest kind.
  const left_us = busyShare * 1e6 - workload.changesPerSecond * reader.change;
  if (left_us <= 0) return Number.POSITIVE_INFINITY;
  const least = (workload.readsPerSecond * Math.min(reader.near, reader.redis, reader.postgres)) / left_us;
  // With more readers, near caches answer a smaller share. So the cost of a read depends on the number, and a search finds it.
  for (
    let readers = Math.max(1, Math.floor(least));
    readers < mostReaders;
    readers = Math.ceil(readers * 1.05)
  ) {
    const all = { ...workload, readers };
    if (coresOf(all, sharesOf(all), costs).readers <= readers * busyShare) return readers;
  }
  return Number.POSITIVE_INFINITY;
}

const mostReaders = 100_000;
const leastLoad = 1e-6;
const mostLoad = 100;

/**
 * The share of the load that the system carries if one of its parts has `cores` cores, and there are as many readers as the load
 * needs. Each core is busy for at most `busyShare` of the time. 1 is the whole load. Infinity: even a hundred times the load fits.
 */
export function carriedShare(
  name: keyof Cores,
  cores: number,
  workload: Omit<Workload, 'readers'>,
  costs: Costs,
  busyShare: number,
): number {
  const isEnough = (factor: number): boolean => {
    const scaled = {
      ...workload,
      readsPerSecond: workload.readsPerSecond * factor,
      changesPerSecond: workload.changesPerSecond * factor,
    };
    const readers = readersFor(scaled, costs, busyShare);
    if (!Number.isFinite(readers)) return false;
    const all = { ...scaled, readers };
    // There are always enough readers: their number grows with the load until changes alone fill a core.
    return name === 'readers' || coresOf(all, sharesOf(all), costs)[name] <= cores * busyShare;
  };
  if (isEnough(mostLoad)) return Number.POSITIVE_INFINITY;
  let [low, high] = [leastLoad, mostLoad];
  for (let step = 0; step < 24; step++) {
    const middle = Math.sqrt(low * high);
    if (isEnough(middle)) low = middle;
    else high = middle;
  }
  return low;
}

interface Group {
  readonly count: number;
  /** The share of all reads that goes to each product of the group. */
  readonly weight: number;
}

/** Products of about the same weight: the first thousand alone, the others in groups that are each a hundredth longer. */
export function zipfGroups(products: number): Group[] {
  const groups: Group[] = [];
  for (let first = 0; first < products;) {
    const count = Math.min(products - first, Math.max(1, Math.floor(first / 100) - 9));
    groups.push({ count, weight: 1 / (first + (count + 1) / 2) ** 0.99 });
    first += count;
  }
  const sum = groups.reduce((total, { count, weight }) => total + count * weight, 0);
  return groups.map(({ count, weight }) => ({ count, weight: weight / sum }));
}

/** How long an entry stays in an LRU list after its last read: until as many different keys are read as the list holds. */
function timeInList_s(groups: readonly Group[], readsPerSecond: number, entries: number): number {
  if (entries >= groups.reduce((sum, { count }) => sum + count, 0)) return Number.POSITIVE_INFINITY;
  const keysReadIn = (time_s: number) =>
    groups.reduce((sum, { count, weight }) => sum - count * Math.expm1(-readsPerSecond * weight * time_s), 0);
  let [low, high] = [0, 1];
  while (keysReadIn(high) < entries) high *= 2;
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (keysReadIn(middle) < entries) low = middle;
    else high = middle;
  }
  return high;
}
