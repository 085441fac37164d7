/**
 * For an invalidation without a change of a row: a repair by the auditor, or a purge.
 *
 * @returns how many of the keys could have been served until now
 * @throws the first failure
 */
export async function countInvalidated(
  invalidation: Promise<readonly PromiseSettledResult<boolean>[]>,
): Promise<number> {
  let hits = 0;
  for (const outcome of await invalidation) {
    if (outcome.status === 'rejected') throw outcome.reason;
    if (outcome.value) hits += 1;
  }
  return hits;
}
