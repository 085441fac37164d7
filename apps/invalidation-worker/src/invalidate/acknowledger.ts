import type { GenerationBumper } from '@catalog/cache';
import type { Outbox } from '@catalog/change-feed';

export interface Applied {
  readonly seqs: readonly number[];
  /** Lists whose pages the changes may have made wrong. */
  readonly lists: readonly string[];
}

interface AcknowledgerOptions {
  readonly outbox: Outbox;
  readonly bumper: GenerationBumper;
  /** The life of the cache that changes are applied to now. */
  readonly incarnation: () => string | undefined;
  /** Another life is registered: this process writes to a cache that nobody counts on. */
  readonly onRefused: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Acknowledges what has been invalidated and announced, many jobs at a time: after the lists' generations
 * have been bumped, which happens at most ten times a second. What a crash leaves unacknowledged is dispatched again.
 */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  #waiting: Applied[] = [];
  #working: Promise<void> | undefined;

  constructor(options: AcknowledgerOptions) {
    this.#options = options;
  }

  add(applied: Applied): void {
    this.#waiting.push(applied);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /** Resolves when everything added has been acknowledged or given up. */
  async idle(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    const { outbox, bumper, incarnation, onRefused, onError } = this.#options;
    while (this.#waiting.length > 0) {
      // Jobs that end in this same turn come along.
      await new Promise(setImmediate);
      const life = incarnation();
      const applied = this.#waiting;
      this.#waiting = [];
      if (life === undefined) continue;
      try {
        const lists = new Set(applied.flatMap((each) => each.lists));
        await Promise.all([...lists].map((list) => bumper.bump(list)));
        const accepted = await outbox.acknowledge(
          applied.flatMap((each) => each.seqs),
          life,
        );
        if (!accepted) onRefused();
      } catch (error) {
        onError(error);
      }
    }
  }
}
