import type { ServerResponse } from 'node:http';
import { type CatalogError, printable } from '@catalog/contracts';
import type { Request } from 'express';
import type { Logger } from '../logging/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { requestIdOf } from './request-id.ts';

const startedAt = Symbol('startedAt');
const failure = Symbol('failure');

type Observed = ServerResponse<Request> & { [startedAt]?: number; [failure]?: CatalogError };

/** Keeps the error for the log record that is written when the request ends. */
export function noteFailure(res: ServerResponse<Request>, error: CatalogError): void {
  (res as Observed)[failure] = error;
}

/** Unknown methods share one label. Otherwise a client could make the metrics grow without limit. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Enough for the address of any of our calls. Everybody may send one of 16 KiB, as often as the network allows. */
const longestUrl = 1_000;

/** As nginx counts a request whose client disconnected before the answer was complete. */
export const clientClosedRequest = 499;
/** A request that takes this long is logged. */
export const slowRequest_ms = 1_000;

/** A refusal without a cause: nothing that the service needs has failed. */
const isOwnRefusal = (error: CatalogError | undefined): boolean =>
  error?.code === 'unavailable' && error.cause === undefined;

/** Cheap: a request that ends well gets no id, no log record and no closure. */
export function observeRequests(options: {
  metrics: Metrics;
  log: Logger;
  slow_ms?: number;
  /** Aborts when the service begins to stop. */
  stopping?: AbortSignal;
}): (res: ServerResponse<Request>, began_ms?: number) => void {
  const { log, stopping } = options;
  const { httpRequest } = options.metrics;
  const slow_ms = options.slow_ms ?? slowRequest_ms;

  function onClose(this: Observed): void {
    const { req } = this;
    const taken_ms = performance.now() - (this[startedAt] ?? 0);
    const error = this[failure];
    const status = this.writableFinished ? this.statusCode : (error?.status ?? clientClosedRequest);
    const route = (req.route as { path?: unknown } | undefined)?.path;
    const pattern = typeof route === 'string' ? route : 'none';
    httpRequest.observe(methods.has(req.method) ? req.method : 'other', pattern, status, taken_ms / 1_000);
    // The operator routes log when it begins and ends. A probe comes every other second.
    if (pattern === '/readyz' && status === 503) return;
    if (status < 400 && taken_ms < slow_ms && !log.isLevelEnabled('debug')) return;
    const record = {
      requestId: requestIdOf(req),
      method: req.method,
      // Express sets the original address. A request that a front has answered has not been there.
      url: printable(req.originalUrl ?? req.url, longestUrl),
      status,
      taken_ms: Math.round(taken_ms * 10) / 10,
      ...(error !== undefined && { code: error.code }),
    };
    // A stopping service refuses callers on purpose. They go to another process.
    const isFailure = status >= 500 && !(stopping?.aborted === true && isOwnRefusal(error));
    if (isFailure && error !== undefined)
      log.error({ ...record, err: error.cause ?? error }, 'request failed');
    else if (isFailure) log.warn(record, 'request failed');
    else if (status >= 400) log.info(record, 'request refused');
    else if (taken_ms >= slow_ms) log.warn(record, 'slow request');
    else log.debug(record, 'request');
  }

  return (res, began_ms = performance.now()) => {
    (res as Observed)[startedAt] = began_ms;
    res.on('close', onClose);
  };
}
