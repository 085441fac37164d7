import type { ServerResponse } from 'node:http';
import type { CatalogError } from '@catalog/contracts';
import type { Request } from 'express';
import type { Logger } from '../logging/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { requestIdOf } from './request-id.ts';

const startedAt = Symbol('startedAt');
const failure = Symbol('failure');

type Observed = ServerResponse<Request> & { [startedAt]?: number; [failure]?: CatalogError };

/** What went wrong, for the one record that is written when the request ends. */
export function noteFailure(res: ServerResponse<Request>, error: CatalogError): void {
  (res as Observed)[failure] = error;
}

/** Everything unknown shares one label, else anybody could make the metrics grow without end. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The status of a request whose client went away before the answer was complete, as nginx counts it. */
const clientClosedRequest = 499;

/** Stays cheap: no id, no record, no closure is made for a request that ends well. */
export function observeRequests(options: {
  metrics: Metrics;
  log: Logger;
  slow_ms?: number;
}): (res: ServerResponse<Request>) => void {
  const { log } = options;
  const { httpRequest } = options.metrics;
  const slow_ms = options.slow_ms ?? 1_000;

  function onClose(this: Observed): void {
    const { req } = this;
    const taken_ms = performance.now() - (this[startedAt] ?? 0);
    const error = this[failure];
    const status = this.writableFinished ? this.statusCode : (error?.status ?? clientClosedRequest);
    const route = (req.route as { path?: unknown } | undefined)?.path;
    const pattern = typeof route === 'string' ? route : 'none';
    httpRequest.observe(methods.has(req.method) ? req.method : 'other', pattern, status, taken_ms / 1_000);
    if (status < 400 && taken_ms < slow_ms && !log.isLevelEnabled('debug')) return;
    const record = {
      requestId: requestIdOf(req),
      method: req.method,
      url: req.originalUrl,
      status,
      taken_ms: Math.round(taken_ms * 10) / 10,
      ...(error !== undefined && { code: error.code }),
    };
    if (status >= 500 && error !== undefined)
      log.error({ ...record, err: error.cause ?? error }, 'request failed');
    else if (status >= 500) log.warn(record, 'request failed');
    else if (status >= 400) log.info(record, 'request refused');
    else if (taken_ms >= slow_ms) log.warn(record, 'slow request');
    else log.debug(record, 'request');
  }

  return (res) => {
    (res as Observed)[startedAt] = performance.now();
    res.on('close', onClose);
  };
}
