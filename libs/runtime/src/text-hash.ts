import { getRandomValues } from 'node:crypto';

/**
 * Hashes texts to 64 bits, for tables of numbers. It is not for secrets. Each begins at random, so that no client can choose texts
 * that share a hash.
 *
 * Two hashes in one pass: FNV-1a, and the same with the multiplier of MurmurHash2.
 */
export class TextHash {
  readonly #seeds = getRandomValues(new Uint32Array(2));
  #low = 0;
  #high = 0;
  /** Of the last text: 32 bits. */
  slot = 0;
  /** Of the last text: 53 bits, so that a number holds them; never 0. The others are in `slot`. */
  id = 0;

  of(text: string): void {
    this.#continue(text, this.#seeds[0] ?? 0, this.#seeds[1] ?? 0);
  }

  /** @param behind what follows `of(text)`. Kept apart: `ab`, `c` and `a`, `bc` have different hashes */
  and(behind: string): void {
    this.#continue(behind, this.#low ^ separator, this.#high ^ separator);
  }

  #continue(text: string, low: number, high: number): void {
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x5bd1e995);
    }
    this.#low = low;
    this.#high = high;
    const slot = mixed(low);
    this.slot = slot;
    this.id = mixed(high) * 2 ** 21 + (slot >>> 11) || 1;
  }
}

/** No character has this code. */
const separator = 0x1_0000;

/** The last step of MurmurHash3: without it, the lower bits would depend on few characters. */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
