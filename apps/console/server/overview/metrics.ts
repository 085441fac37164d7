/** Reads single figures out of the text format of Prometheus. */

/** The sum of all samples of a metric whose labels match. undefined when there is none. */
export function figure(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  let sum: number | undefined;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue;
    const [, inside = '', value = ''] =
      /^(?:\{([^}]*)\})? (\S+)(?: \d+)?$/.exec(line.slice(name.length)) ?? [];
    if (value === '') continue;
    if (!Object.entries(labels).every(([label, wanted]) => inside.includes(`${label}="${wanted}"`))) continue;
    const number = Number(value);
    if (Number.isFinite(number)) sum = (sum ?? 0) + number;
  }
  return sum;
}

/** Events of a histogram up to each bound, by bound; the last one is infinite. Empty when there is no such histogram. */
export function buckets(text: string, name: string): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const [, bound = '', count = '0'] of text.matchAll(
    new RegExp(`^${name}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\S+)`, 'gm'),
  ))
    found.set(bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), Number(count));
  return found;
}

/** The quantile of the events between two looks, between the bounds of its bucket in proportion. undefined without an event. */
export function quantile(
  before: ReadonlyMap<number, number>,
  now: ReadonlyMap<number, number>,
  part: number,
): number | undefined {
  const counts = [...now].map(([bound, count]): [number, number] => [
    bound,
    count - (before.get(bound) ?? 0),
  ]);
  const all = counts.at(-1)?.[1] ?? 0;
  // A worker that has started again counts from 0.
  if (all <= 0 || counts.some(([, count]) => count < 0)) return undefined;
  let [low, below] = [0, 0];
  for (const [bound, count] of counts) {
    if (count >= part * all) {
      if (!Number.isFinite(bound)) return low;
      return low + ((bound - low) * (part * all - below)) / Math.max(1, count - below);
    }
    [low, below] = [bound, count];
  }
  return low;
}

/** Every sample of a counter of requests: route, method and count. */
export function requests(text: string): { route: string; method: string; count: number }[] {
  return [...text.matchAll(/^http_request_duration_seconds_count\{([^}]*)\} (\S+)/gm)].map(
    ([, inside = '', count = '0']) => ({
      route: /route="([^"]*)"/.exec(inside)?.[1] ?? '',
      method: /method="([^"]*)"/.exec(inside)?.[1] ?? '',
      count: Number(count),
    }),
  );
}
