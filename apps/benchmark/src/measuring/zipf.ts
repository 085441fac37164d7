/**
 * Draws from 0 to `count` − 1, where number n is drawn with a weight of 1/(n + 1)^0.99: few products get most reads, as in
 * YCSB. The generator is seeded, so that each run draws the same.
 */
export function zipf(count: number, draws: number): number[] {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let n = 0; n < count; n++) {
    sum += 1 / (n + 1) ** 0.99;
    cumulative[n] = sum;
  }
  const random = seeded(1);
  return Array.from({ length: draws }, () => firstAbove(cumulative, random() * sum));
}

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function firstAbove(cumulative: Float64Array, value: number): number {
  let [low, high] = [0, cumulative.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulative[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
