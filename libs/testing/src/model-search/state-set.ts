import type { StateCode } from './model.ts';

/** Codes in the order of arrival, with a hash index of open addressing: 16 bytes a state, where a Set takes 60. */
export class StateSet {
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

  /** @returns false if the set already had the code */
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
