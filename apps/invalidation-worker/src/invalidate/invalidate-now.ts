import type { InvalidatedKey, InvalidationPublisher } from '@catalog/cache';

/**
 * An invalidation that no change of a row has asked for: a repair, or an operator's purge.
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
