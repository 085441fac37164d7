import { collectDefaultMetrics, Registry, type Metric } from 'prom-client';
import { RequestHistogram } from './request-histogram.ts';

export interface Metrics {
  /** For a service's own metrics: `new Counter({ …, registers: [metrics.registry] })`. */
  readonly registry: Registry;
  readonly httpRequest: RequestHistogram;
}

export function createMetrics(options: { service: string }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.service });
  collectDefaultMetrics({ register: registry });
  const httpRequest = new RequestHistogram();
  registry.registerMetric(httpRequest as unknown as Metric);
  return { registry, httpRequest };
}
