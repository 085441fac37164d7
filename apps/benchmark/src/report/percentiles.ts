/** The nearest-rank percentile; `part` is from 0 to 1. Values that are NaN are left out: they were not measured. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** How much y grows with x: the slope of the line with the least squares. It needs two points with different x. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (part: 0 | 1) => points.reduce((sum, point) => sum + point[part], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  let [together, alone] = [0, 0];
  for (const [x, y] of points) {
    together += (x - meanX) * (y - meanY);
    alone += (x - meanX) ** 2;
  }
  return together / alone;
}

/** About 200 points of the cumulative distribution. */
export function distribution(values: readonly number[]): [number, number][] {
  const sorted = values.toSorted((a, b) => a - b);
  const step = Math.max(1, Math.floor(sorted.length / 200));
  return sorted
    .map((value, index): [number, number] => [value, ((index + 1) / sorted.length) * 100])
    .filter((_, index) => index % step === 0 || index === sorted.length - 1);
}
