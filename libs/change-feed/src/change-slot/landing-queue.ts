import type { Mark, SlotChange } from './slot-messages.ts';

/** Changes to be landed, and the last mark that is reached with them. */
export interface Landing {
  readonly changes: readonly SlotChange[];
  readonly mark: Mark | undefined;
}

/** What came from the slot and has not landed, in its order. A mark is reached when everything before it has landed. */
export class LandingQueue {
  #changes: SlotChange[] = [];
  #marks: { readonly mark: Mark; readonly changesBefore: number }[] = [];
  #taken = 0;

  /** How many changes wait. */
  get size(): number {
    return this.#changes.length;
  }

  get isEmpty(): boolean {
    return this.#changes.length === 0 && this.#marks.length === 0;
  }

  addChange(change: SlotChange): void {
    this.#changes.push(change);
  }

  addMark(mark: Mark): void {
    this.#marks.push({ mark, changesBefore: this.#taken + this.#changes.length });
  }

  /** Takes the oldest changes, at most so many. */
  take(limit: number): Landing {
    const changes = this.#changes.splice(0, limit);
    this.#taken += changes.length;
    const reached = this.#marks.findLastIndex(({ changesBefore }) => changesBefore <= this.#taken);
    const mark = this.#marks[reached]?.mark;
    this.#marks.splice(0, reached + 1);
    return { changes, mark };
  }
}
