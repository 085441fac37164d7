import type { EntryStore, PayloadLoader, PrimaryRead, StoredEntry } from '@catalog/cache/worker';
import { limits as cacheLimits } from '@catalog/cache/timings';
import { type Entity, parseCacheKey } from '@catalog/contracts';
import { type Difference, differenceOf } from './judgement.ts';

interface CachedEntry {
  readonly entity: Entity;
  readonly key: string;
  readonly cacheKey: string;
  readonly entry: StoredEntry;
}

export interface ComparedEntry extends CachedEntry {
  readonly inPostgres: PrimaryRead;
  /** Undefined when both agree. */
  readonly difference: Difference | undefined;
}

interface CompareOptions {
  readonly store: Pick<EntryStore, 'peek'>;
  /** By the name of the entity. */
  readonly loads: ReadonlyMap<string, PayloadLoader>;
  readonly isSetAside: (entity: string, cacheKey: string) => boolean;
}

/**
 * Reads entries from the cache, and then from Postgres. Leaves out what a reader of this release would not serve, such as keys
 * that are set aside, and keys that Redis refuses to read.
 */
export async function compareEntries(
  cacheKeys: readonly string[],
  options: CompareOptions,
): Promise<ComparedEntry[]> {
  const entries = await cachedEntries(cacheKeys, options);
  const loaded = await loadAll(entries, options);
  return entries.flatMap((cached, index) => {
    const inPostgres = loaded[index];
    if (inPostgres === undefined) return [];
    return [{ ...cached, inPostgres, difference: differenceOf(cached.entry, inPostgres) }];
  });
}

async function cachedEntries(
  cacheKeys: readonly string[],
  { store, loads, isSetAside }: CompareOptions,
): Promise<CachedEntry[]> {
  const entries = await Promise.all(
    cacheKeys.map(async (cacheKey) => {
      const parsed = parseCacheKey(cacheKey);
      if (parsed === undefined || !loads.has(parsed.entity.name)) return [];
      if (isSetAside(parsed.entity.name, cacheKey)) return [];
      const entry = await store.peek(cacheKey).catch(unreadableIfRefused);
      if (typeof entry === 'string' || !entry.isOfThisIncarnation) return [];
      if (entry.payloadSchema !== parsed.entity.payloadSchema) return [];
      return entry.state === 'value' || entry.state === 'missing' ? [{ ...parsed, cacheKey, entry }] : [];
    }),
  );
  return entries.flat();
}

/**
 * The ACL forbids the key, somebody has stored another type under it, or it is on its way to another shard. That must not end the
 * audit of all other keys.
 */
function unreadableIfRefused(error: Error): 'unreadable' {
  if (/^(?:NOPERM|WRONGTYPE|MOVED|ASK|TRYAGAIN)\b/.test(error.message)) return 'unreadable';
  throw error;
}

async function loadAll(
  entries: readonly CachedEntry[],
  { loads }: CompareOptions,
): Promise<(PrimaryRead | undefined)[]> {
  const byEntity = Map.groupBy(entries, ({ entity }) => entity.name);
  const loaded = new Map<string, PrimaryRead>();
  for (const [name, some] of byEntity) {
    const load = loads.get(name);
    for (let start = 0; start < some.length; start += cacheLimits.loadBatch) {
      const keys = some.slice(start, start + cacheLimits.loadBatch).map(({ key }) => key);
      for (const [key, value] of (await load?.(keys)) ?? []) loaded.set(`${name} ${key}`, value);
    }
  }
  return entries.map(({ entity, key }) => loaded.get(`${entity.name} ${key}`));
}
