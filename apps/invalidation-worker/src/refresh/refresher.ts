import type { KeyRefresher } from '@catalog/cache/worker';

/** Fills keys again that were in use before they were invalidated. */
export class Refresher {
  readonly #keyRefresher: Pick<KeyRefresher, 'refresh'>;

  constructor(keyRefresher: Pick<KeyRefresher, 'refresh'>) {
    this.#keyRefresher = keyRefresher;
  }

  /**
   * @returns the keys that were filled; the others are being filled by a reader, or are filled
   * @throws the first failure when no key could be filled
   */
  async refresh<Key extends { entity: string; key: string }>(keys: readonly Key[]): Promise<Key[]> {
    const outcomes = await Promise.allSettled(
      keys.map(({ entity, key }) => this.#keyRefresher.refresh(entity, key)),
    );
    const filled = keys.filter((_, index) => {
      const outcome = outcomes[index];
      return outcome?.status === 'fulfilled' && outcome.value;
    });
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (filled.length === 0 && failure !== undefined) throw failure.reason;
    return filled;
  }
}
