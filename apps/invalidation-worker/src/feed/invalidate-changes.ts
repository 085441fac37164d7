import type { ChangeInvalidator } from '@catalog/cache';
import type { RefreshJob } from '@catalog/change-feed';
import type { Change } from '@catalog/contracts';
import type { Applied } from './acknowledge-changes.ts';

interface InvalidatorOptions {
  readonly changeInvalidator: ChangeInvalidator;
  readonly acknowledge: (applied: Applied) => void;
  readonly refresh: (keys: RefreshJob['keys']) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Applies the changes of a job: invalidates and announces their keys, passes the changes on to be acknowledged, and asks for a
 * refresh of the keys that were in use. A crash between two of these steps repeats a step, and skips none.
 */
export class Invalidator {
  readonly #options: InvalidatorOptions;

  constructor(options: InvalidatorOptions) {
    this.#options = options;
  }

  /**
   * @param queuedAt_ms when the job was queued, in ms since 1970
   * @throws the errors of `ChangeInvalidator.invalidate`; then nothing is acknowledged
   */
  async apply(changes: readonly Change[], queuedAt_ms = Date.now()): Promise<void> {
    const { changeInvalidator, acknowledge, refresh, onError } = this.#options;
    const { incarnation, applied, failure, inUse, lists } = await changeInvalidator.invalidate(changes);
    if (failure !== undefined) onError(failure);
    acknowledge({
      incarnation,
      appliedAt_ms: performance.now(),
      queued_ms: Math.max(0, Date.now() - queuedAt_ms),
      rows: applied.map(({ seq, transaction }) => ({ seq, transaction })),
      lists,
    });
    if (inUse.length === 0) return;
    refresh(inUse.map(({ entity, key, changes }) => ({ entity, key, seqs: changes.map(({ seq }) => seq) })));
  }
}
