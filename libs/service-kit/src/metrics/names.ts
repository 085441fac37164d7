/** Names, units and help of the metrics that every service has. */
export const metricNames = {
  httpRequest: {
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the end of its answer, by route pattern and status.',
  },
  httpInFlight: {
    name: 'http_requests_in_flight',
    help: 'Requests that have begun and not ended.',
  },
} as const;

/** In seconds. The hot path answers well below a millisecond, an import may take minutes. */
export const httpRequestBuckets_s = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60,
];
