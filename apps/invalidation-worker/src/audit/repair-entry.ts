import type { ShardedPublisher, WorkerCache } from '@catalog/cache/worker';
import type { ChangeTraces } from '@catalog/change-feed';
import { PRODUCT, SETTINGS, SKU } from '@catalog/contracts';
import type { Logger } from '@catalog/service-kit';
import type { PostgresWatch } from '../postgres/postgres-watch.ts';
import { countInvalidated } from '../purge/count-invalidated.ts';
import type { Refresher } from '../refresh/refresher.ts';
import type { ComparedEntry } from './compare-entries.ts';

export interface RepairOptions {
  readonly cache: Pick<WorkerCache, 'onShard'>;
  readonly traces: Pick<ChangeTraces, 'ofKey'>;
  readonly publisher: Pick<ShardedPublisher, 'invalidate' | 'forget'>;
  readonly postgres: Pick<PostgresWatch, 'noteEntryBeyond'>;
  readonly refresher: Pick<Refresher, 'refresh'>;
  readonly log: Logger;
  readonly onError: (error: unknown) => void;
}

/**
 * Repairs a wrong entry the way a change does: invalidates and announces the key, and has it filled again. A DEL would go past
 * the protocol: leases would stay, and near caches would not hear of it. If Redis refuses, the entry stays as it is.
 *
 * @returns for how long the entry has been wrong, at least, and whether it is repaired
 */
export async function repairEntry(
  compared: ComparedEntry,
  options: RepairOptions,
): Promise<{ readonly wrongFor_ms: number; readonly isRepaired: boolean }> {
  const { entity, key, cacheKey, entry, inPostgres, difference } = compared;
  const { cache, traces, refresher, log, onError } = options;
  const [trace] = await traces.ofKey(entity.name, key, 1);
  const stored_ms = (await cache.onShard(cacheKey, (shard) => shard.time_ms())) - entry.storedAt_ms;
  const changed_ms =
    trace === undefined ? Number.POSITIVE_INFINITY : Date.now() - Date.parse(trace.changedAt);
  const wrongFor_ms = Math.max(0, Math.min(stored_ms, changed_ms));
  log.error(
    { key: cacheKey, difference, cachedVersion: entry.version, version: inPostgres.version, wrongFor_ms },
    'the auditor found a wrong entry in the cache',
  );
  try {
    await invalidate(compared, options);
  } catch (error) {
    onError(error);
    return { wrongFor_ms, isRepaired: false };
  }
  // Best effort: otherwise the next reader fills it.
  await refresher.refresh([{ entity: entity.name, key }]).catch(onError);
  return { wrongFor_ms, isRepaired: true };
}

/** Entities whose versions come from the sequence of Postgres. The others have versions of another kind, or none. */
const drawsVersions = new Set<string>([PRODUCT.name, SETTINGS.name]);

async function invalidate(
  { entity, cacheKey, entry, inPostgres, difference }: ComparedEntry,
  { publisher, postgres, onError }: RepairOptions,
): Promise<void> {
  // The version of a SKU index entry is that of the product, so it gives no order when the SKU moves to another product.
  const isOrdered = difference === 'older' && entity.name !== SKU.name;
  if (isOrdered) {
    await countInvalidated(publisher.invalidate([[cacheKey, inPostgres.version]]));
    return;
  }
  // A version that Postgres has never drawn shows that Postgres went back: then every entry may be wrong.
  if (difference === 'newer' && drawsVersions.has(entity.name))
    await postgres.noteEntryBeyond(entry.version).catch(onError);
  // Readers have served the wrong entry, and would refuse the right one, which is older.
  await countInvalidated(publisher.forget([cacheKey]));
}
