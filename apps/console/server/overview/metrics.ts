/** Reads single figures out of the text format of Prometheus. */

interface Sample {
  /** As they stand in the text: `worker="1",source="near"`. */
  readonly labels: string;
  /** Not a number where the service knows none. */
  readonly value: number;
}

/** Every sample of a metric whose labels match. */
function samples(text: string, name: string, wanted: Readonly<Record<string, string>> = {}): Sample[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith(name)) return [];
    const [, labels = '', value = ''] =
      /^(?:\{([^}]*)\})? (\S+)(?: \d+)?$/.exec(line.slice(name.length)) ?? [];
    const matches = Object.entries(wanted).every(([label, one]) => labels.includes(`${label}="${one}"`));
    return value !== '' && matches ? [{ labels, value: Number(value) }] : [];
  });
}

const known = (found: readonly Sample[]): number[] =>
  found.map(({ value }) => value).filter((value) => Number.isFinite(value));

/** The sum of all samples of a metric whose labels match. undefined when there is none. */
export function figure(
  text: string,
  name: string,
  labels?: Readonly<Record<string, string>>,
): number | undefined {
  const values = known(samples(text, name, labels));
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

/** The highest sample of a metric. undefined when there is none. */
export function highest(text: string, name: string): number | undefined {
  const values = known(samples(text, name));
  return values.length === 0 ? undefined : Math.max(...values);
}

/** The samples of a metric by the process of the service that gave them: its number, or '1' for the only one. */
export function byProcess(text: string, name: string): ReadonlyMap<string, number> {
  return new Map(
    samples(text, name).map(({ labels, value }) => [
      /(?:^|,)worker="([^"]*)"/.exec(labels)?.[1] ?? '1',
      value,
    ]),
  );
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
