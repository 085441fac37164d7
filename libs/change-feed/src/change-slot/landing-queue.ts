import type { Milestone, SlotChange } from './slot-messages.ts';

/** Changes to write into the outbox, and the last milestone that they reach. */
export interface Landing {
  readonly changes: readonly SlotChange[];
  readonly milestone: Milestone | undefined;
}

/** Changes and milestones of the slot that have not landed. A milestone is reached when all changes before it have landed. */
export class LandingQueue {
  #changes: SlotChange[] = [];
  #milestones: { readonly milestone: Milestone; readonly changesBefore: number }[] = [];
  #taken = 0;

  get size(): number {
    return this.#changes.length;
  }

  get isEmpty(): boolean {
    return this.#changes.length === 0 && this.#milestones.length === 0;
  }

  addChange(change: SlotChange): void {
    this.#changes.push(change);
  }

  addMilestone(milestone: Milestone): void {
    this.#milestones.push({ milestone, changesBefore: this.#taken + this.#changes.length });
  }

  /** Takes at most `limit` changes, the oldest first. */
  take(limit: number): Landing {
    const changes = this.#changes.splice(0, limit);
    this.#taken += changes.length;
    const reached = this.#milestones.findLastIndex(({ changesBefore }) => changesBefore <= this.#taken);
    const milestone = this.#milestones[reached]?.milestone;
    this.#milestones.splice(0, reached + 1);
    return { changes, milestone };
  }
}
