/** A state as one number below 2^53, so that millions fit into memory. */
export type StateCode = number;

export interface System {
  readonly initial: StateCode;
  /** Calls `visit` with every state that one step leads to. */
  successors(from: StateCode, visit: (to: StateCode) => void): void;
  /** The rule that a state breaks, if any. */
  violation(state: StateCode): string | undefined;
  /** What happens along a path that begins with `initial`, a line for each step. */
  story(path: readonly StateCode[]): string[];
}

export interface SearchResult {
  readonly states: number;
  readonly steps: number;
  /** Every reachable state was seen, rather than as many as were allowed. */
  readonly complete: boolean;
  /** How many states break a rule. Nothing is explored beyond them. */
  readonly violations: number;
  /** The shortest schedule that breaks a rule, step by step. */
  readonly story: readonly string[] | undefined;
}

/** Breadth first, so that the first violation is a shortest one. */
export function search(system: System, options: { maxStates: number }): SearchResult {
  const seen = new StateSet(options.maxStates);
  const parents = new Int32Array(options.maxStates);
  let steps = 0;
  let full = false;
  let violations = 0;
  let firstViolation: number | undefined;

  seen.add(system.initial);
  parents[0] = -1;
  for (let at = 0; at < seen.size; at++) {
    const state = seen.at(at);
    if (system.violation(state) !== undefined) {
      violations += 1;
      firstViolation ??= at;
      continue;
    }
    system.successors(state, (to) => {
      steps += 1;
      if (seen.size === options.maxStates) {
        full ||= !seen.has(to);
        return;
      }
      if (seen.add(to)) parents[seen.size - 1] = at;
    });
  }
  const story = firstViolation === undefined ? undefined : system.story(pathTo(firstViolation));
  return { states: seen.size, steps, complete: !full, violations, story };

  function pathTo(end: number): StateCode[] {
    const path: StateCode[] = [];
    for (let at = end; at >= 0; at = parents[at] ?? -1) path.unshift(seen.at(at));
    return path;
  }
}

/** Codes in order of arrival, and an open-addressing index of them: 16 bytes a state instead of a Set's 60. */
class StateSet {
  readonly #codes: Float64Array;
  readonly #slots: Int32Array;
  readonly #mask: number;
  #size = 0;

  constructor(capacity: number) {
    this.#codes = new Float64Array(capacity);
    const slots = 2 ** Math.ceil(Math.log2(capacity * 1.5));
    this.#slots = new Int32Array(slots);
    this.#mask = slots - 1;
  }

  get size(): number {
    return this.#size;
  }

  at(index: number): StateCode {
    return this.#codes[index] ?? 0;
  }

  has(code: StateCode): boolean {
    return this.#slots[this.#find(code)] !== 0;
  }

  /** @returns false if it was there already */
  add(code: StateCode): boolean {
    const slot = this.#find(code);
    if (this.#slots[slot] !== 0) return false;
    this.#codes[this.#size] = code;
    this.#size += 1;
    this.#slots[slot] = this.#size;
    return true;
  }

  #find(code: StateCode): number {
    let hash = Math.imul(code | 0, 0x9e3779b1) ^ Math.imul(Math.floor(code / 2 ** 32), 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = Math.imul(hash, 0x2c1b3c6d) & this.#mask;
    for (;;) {
      const index = this.#slots[slot] ?? 0;
      if (index === 0 || this.#codes[index - 1] === code) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }
}
