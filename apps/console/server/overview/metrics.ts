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
