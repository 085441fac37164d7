import type { PayloadLoader, WorkerCache } from '@catalog/cache/worker';
import { type HeldKey, parseCacheKey } from '@catalog/contracts';
import { isSameContent } from '../audit/judgement.ts';

export interface HeldKeyOptions {
  readonly cache: Pick<WorkerCache, 'of'>;
  /** By the name of the entity. */
  readonly loads: ReadonlyMap<string, PayloadLoader>;
}

type Truth = HeldKey['postgres'] & { readonly payload?: Buffer | null };

/**
 * One key of any entity as Postgres and Redis hold it. It changes nothing. Redis is read first: a change in between makes Postgres
 * the newer one, never Redis.
 */
export async function viewHeldKey(cacheKey: string, { cache, loads }: HeldKeyOptions): Promise<HeldKey> {
  const held = await cache
    .of(cacheKey)
    .store.inspect(cacheKey)
    .catch(() => ({ state: 'unreachable' }) as const);
  const { payload: truth, ...postgres } = await viewPostgres(cacheKey, loads);
  const { payload, age_ms, freshFor_ms, ttl_ms, ...entry } = { payload: undefined, ...held } as Held;
  const content = entry.state === 'missing' ? null : payload;
  const equal = truth === undefined || content === undefined ? null : isEqual(content, truth);
  return {
    key: cacheKey,
    equal: equal !== false,
    postgres,
    redis: {
      ...entry,
      ...(age_ms !== undefined && { ageMs: Math.round(age_ms) }),
      ...(freshFor_ms !== undefined && { freshForMs: Math.round(freshFor_ms) }),
      ...(ttl_ms !== undefined && { ttlMs: Math.round(ttl_ms) }),
      equal,
    },
  };
}

type Held = Omit<HeldKey['redis'], 'equal' | 'ageMs' | 'freshForMs' | 'ttlMs'> & {
  readonly payload?: Buffer | undefined;
  readonly age_ms?: number;
  readonly freshFor_ms?: number;
  readonly ttl_ms?: number;
};

const isEqual = (content: Buffer | null, truth: Buffer | null): boolean =>
  content === null || truth === null ? content === truth : isSameContent(content, truth);

/** When Postgres cannot be read, the view says so and still shows Redis. */
async function viewPostgres(cacheKey: string, loads: HeldKeyOptions['loads']): Promise<Truth> {
  const parsed = parseCacheKey(cacheKey);
  const load = parsed === undefined ? undefined : loads.get(parsed.entity.name);
  if (parsed === undefined || load === undefined) throw new Error(`no entity has the key ${cacheKey}`);
  try {
    const row = (await load([parsed.key])).get(parsed.key);
    const payload = row?.payload ?? null;
    const version = row?.version ?? 0;
    return {
      // A row that never existed has no version, and neither have rows of some entities.
      ...(version > 0 && { version }),
      state: payload === null ? 'missing' : 'value',
      payload,
    };
  } catch (error) {
    return { state: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
  }
}
