/** In seconds. The hot path answers far below a millisecond; an import may take minutes. */
const buckets_s = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** The samples of one label set. An observation is a search over 15 numbers and two additions. */
export class RequestSeries {
  readonly labels: { readonly method: string; readonly route: string; readonly status: number };
  readonly buckets = new Float64Array(buckets_s.length + 1);
  sum = 0;
  count = 0;

  constructor(method: string, route: string, status: number) {
    this.labels = { method, route, status };
  }

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < buckets_s.length && seconds > (buckets_s[bucket] ?? Infinity)) bucket++;
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1;
    this.sum += seconds;
    this.count++;
  }
}

/**
 * A Prometheus histogram that builds its samples when it is scraped. That of prom-client hashes the labels of every
 * observation, which is a noticeable part of a request that takes 30 µs.
 */
export class RequestHistogram {
  readonly name = 'http_request_duration_seconds';
  readonly help =
    'Time from the first byte of a request to the end of its answer, by route pattern and status.';
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly labelNames = ['method', 'route', 'status'];
  readonly #routes = new Map<string, Map<string, RequestSeries[]>>();

  observe(method: string, route: string, status: number, seconds: number): void {
    this.series(method, route, status).observe(seconds);
  }

  /** One label set, for a path that observes it so often that even finding it costs too much. Shown once it has samples. */
  series(method: string, route: string, status: number): RequestSeries {
    let methods = this.#routes.get(route);
    if (methods === undefined) {
      methods = new Map<string, RequestSeries[]>();
      this.#routes.set(route, methods);
    }
    let statuses = methods.get(method);
    if (statuses === undefined) {
      statuses = [];
      methods.set(method, statuses);
    }
    return (statuses[status] ??= new RequestSeries(method, route, status));
  }

  reset(): void {
    this.#routes.clear();
  }

  /** The registry of prom-client calls this. */
  async get(): Promise<object> {
    const values: object[] = [];
    for (const methods of this.#routes.values()) {
      for (const statuses of methods.values()) {
        // The array is sparse: `forEach` skips statuses that never occurred.
        statuses.forEach((series) => {
          if (series.count > 0) addSamples(values, this.name, series);
        });
      }
    }
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values };
  }

  getForPromString(): Promise<object> {
    return this.get();
  }
}

function addSamples(values: object[], name: string, series: RequestSeries): void {
  let upTo = 0;
  buckets_s.forEach((le, index) => {
    upTo += series.buckets[index] ?? 0;
    values.push({ metricName: `${name}_bucket`, value: upTo, labels: { ...series.labels, le } });
  });
  values.push({
    metricName: `${name}_bucket`,
    value: series.count,
    labels: { ...series.labels, le: '+Inf' },
  });
  values.push({ metricName: `${name}_sum`, value: series.sum, labels: series.labels });
  values.push({ metricName: `${name}_count`, value: series.count, labels: series.labels });
}
