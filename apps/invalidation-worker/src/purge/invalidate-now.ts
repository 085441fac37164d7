import type { InvalidatedKey, InvalidationPublisher } from '@catalog/cache/worker';

/**
 * An invalidation without a change of a row: a repair by the auditor, or a purge.
 *
 * @returns how many of the keys could have been served until now
 * @throws the first failure
 */
export async function invalidateNow(
  publisher: Pick<InvalidationPublisher, 'invalidate'>,
  keys: readonly InvalidatedKey[],
): Promise<number> {
  let hits = 0;
  for (const outcome of await publisher.invalidate(keys)) {
    if (outcome.status === 'rejected') throw outcome.reason;
    if (outcome.value) hits += 1;
  }
  return hits;
}
