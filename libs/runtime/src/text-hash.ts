import { getRandomValues } from 'node:crypto';

/**
 * Hashes texts to 64 bits, for tables of numbers. It is not for secrets. Each begins and multiplies at random, so that no client can
 * choose texts that share a hash: with multipliers that are known, chosen differences of texts would share one more often than others.
 *
 * Two hashes in one pass, each in the way of FNV-1a.
 */
export class TextHash {
  readonly #random = getRandomValues(new Uint32Array(4));
  readonly #lowFactor = factorOf(this.#random[0]);
  readonly #highFactor = factorOf(this.#random[1]);
  #low = 0;
  #high = 0;
  /** Of the last text: 32 bits. */
  slot = 0;
  /** Of the last text: 53 bits, so that a number holds them; never 0. The others are in `slot`. */
  id = 0;

  of(text: string): void {
    this.#continue(text, this.#random[2] ?? 0, this.#random[3] ?? 0);
  }

  /** @param behind what follows `of(text)`. Kept apart: `ab`, `c` and `a`, `bc` have different hashes */
  and(behind: string): void {
    this.#continue(behind, this.#low ^ separator, this.#high ^ separator);
  }

  #continue(text: string, low: number, high: number): void {
    const lowFactor = this.#lowFactor;
    const highFactor = this.#highFactor;
    const { length } = text;
    for (let index = 0; index < length; index++) {
      const code: number = charCodeAt.call(text, index);
      low = Math.imul(low ^ code, lowFactor);
      high = Math.imul(high ^ code, highFactor);
    }
    this.#low = low;
    this.#high = high;
    const slot = mixed(low);
    this.slot = slot;
    this.id = mixed(high) * 2 ** 21 + (slot >>> 11) || 1;
  }
}

/** V8 looks up a property of a text again for each character, which takes longer than the rest. */
const { charCodeAt } = String.prototype;

/** No character has this code. */
const separator = 0x1_0000;

/** Of the form 8n + 5: its powers take the most values before they come back to 1, so that no bit of a text is lost soon. */
const factorOf = (random = 0): number => (random & ~7) | 5;

/** The last step of MurmurHash3: without it, the lower bits would depend on few characters. */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
