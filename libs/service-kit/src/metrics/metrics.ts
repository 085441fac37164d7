import { collectDefaultMetrics, Registry, type Metric } from 'prom-client';
import { RequestHistogram } from './request-histogram.ts';

export interface Metrics {
  /** For a service's own metrics: `new Counter({ …, registers: [metrics.registry] })`. */
  readonly registry: Registry;
  readonly httpRequest: RequestHistogram;
  /** What `/metrics` shows: with several workers, the metrics of all processes. */
  text(): Promise<string>;
}

/** `worker` tells the processes of one service apart. */
export function createMetrics(options: { service: string; worker?: string }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels(options);
  collectDefaultMetrics({ register: registry });
  const httpRequest = new RequestHistogram();
  registry.registerMetric(httpRequest as unknown as Metric);
  return { registry, httpRequest, text: () => registry.metrics() };
}
