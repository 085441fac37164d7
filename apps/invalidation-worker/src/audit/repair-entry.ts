import type { CacheConnection, InvalidationPublisher } from '@catalog/cache/worker';
import type { ChangeTraces } from '@catalog/change-feed';
import { SKU } from '@catalog/contracts';
import type { Logger } from '@catalog/service-kit';
import type { PostgresWatch } from '../postgres/postgres-watch.ts';
import { countInvalidated } from '../purge/count-invalidated.ts';
import type { Refresher } from '../refresh/refresher.ts';
import type { ComparedEntry } from './compare-entries.ts';

export interface RepairOptions {
  readonly cache: CacheConnection;
  readonly traces: Pick<ChangeTraces, 'ofKey'>;
  readonly publisher: Pick<InvalidationPublisher, 'invalidate' | 'forget'>;
  readonly postgres: Pick<PostgresWatch, 'noteEntryBeyond'>;
  readonly refresher: Pick<Refresher, 'refresh'>;
  readonly log: Logger;
  readonly onError: (error: unknown) => void;
}

/**
 * Repairs a wrong entry the way a change does: invalidates and announces the key, and has it filled again. A DEL would go past
 * the protocol: leases would stay, and near caches would not hear of it.
 *
 * @returns how long the entry has been wrong, at least, in ms
 */
export async function repairEntry(
  { entity, key, cacheKey, entry, inPostgres, difference }: ComparedEntry,
  { cache, traces, publisher, postgres, refresher, log, onError }: RepairOptions,
): Promise<number> {
  const [trace] = await traces.ofKey(entity.name, key, 1);
  const stored_ms = (await cache.time_ms()) - entry.storedAt_ms;
  const changed_ms =
    trace === undefined ? Number.POSITIVE_INFINITY : Date.now() - Date.parse(trace.changedAt);
  const age_ms = Math.max(0, Math.min(stored_ms, changed_ms));
  log.error(
    { key: cacheKey, difference, cachedVersion: entry.version, version: inPostgres.version, age_ms },
    'the auditor found a wrong entry in the cache',
  );
  // The version of an SKU index entry is that of the product, so it gives no order when the SKU moves to another product.
  const isOrdered = difference === 'older' && entity.name !== SKU.name;
  if (isOrdered) await countInvalidated(publisher.invalidate([[cacheKey, inPostgres.version]]));
  else {
    // A version that Postgres has never drawn shows that Postgres went back: then every entry may be wrong.
    if (difference === 'newer') await postgres.noteEntryBeyond(entry.version).catch(onError);
    // Readers have served the wrong entry, and would refuse the right one, which is older.
    await countInvalidated(publisher.forget([cacheKey]));
  }
  // Best effort: otherwise the next reader fills it.
  await refresher.refresh([{ entity: entity.name, key }]).catch(onError);
  return age_ms;
}
