import type { ServerResponse } from 'node:http';
import type { Request, RequestHandler } from 'express';
import type { Logger } from '../logging/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { requestIdOf } from './requestId.ts';

const startedAt = Symbol('startedAt');

type Observed = ServerResponse<Request> & { [startedAt]?: number };

/** Everything unknown shares one label, else anybody could make the metrics grow without end. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The status of a request whose client went away before the answer was complete, as nginx counts it. */
const clientClosedRequest = 499;

/**
 * The one middleware on every request's way, so it stays cheap: no id, no record, no closure is made
 * for a request that ends well.
 */
export function observeRequests(options: {
  metrics: Metrics;
  log: Logger;
  slow_ms?: number;
}): RequestHandler {
  const { log } = options;
  const { httpRequest } = options.metrics;
  const slow_ms = options.slow_ms ?? 1_000;

  function onClose(this: Observed): void {
    const { req } = this;
    const taken_ms = performance.now() - (this[startedAt] ?? 0);
    const status = this.writableFinished ? this.statusCode : clientClosedRequest;
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
    };
    if (status >= 500) log.error(record, 'request failed');
    else if (status >= 400) log.info(record, 'request refused');
    else if (taken_ms >= slow_ms) log.warn(record, 'slow request');
    else log.debug(record, 'request');
  }

  return (_req, res, next) => {
    (res as Observed)[startedAt] = performance.now();
    res.on('close', onClose);
    res.setHeader('X-Content-Type-Options', 'nosniff');
    next();
  };
}
