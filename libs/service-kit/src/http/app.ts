import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CatalogError, errorCatalogue } from '@catalog/contracts';
import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express';
import type { Readiness } from '../health/readiness.ts';
import type { Logger } from '../logging/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { docsPage } from '../openapi/docsPage.ts';
import type { OpenApiDocument } from '../openapi/document.ts';
import { sendProblem } from '../problems/problem.ts';
import { translate } from '../problems/translate.ts';
import { allowedMethods } from './allowedMethods.ts';
import { observeRequests } from './observe.ts';
import { refusal } from './refusal.ts';
import { requestIdOf } from './requestId.ts';

export interface ServiceAppOptions {
  readonly service: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Adds the service's own routes. What it adds runs before the 404. */
  routes(app: Express): void;
  readonly openapi?: OpenApiDocument;
  /** Addresses or CIDR ranges whose `X-Forwarded-For` counts for `req.ip`. */
  readonly trustedProxies?: readonly string[];
  /** Requests that take longer are logged as slow. */
  readonly slow_ms?: number;
}

/** The Express app of a service, with everything that all services share. */
export function createServiceApp(options: ServiceAppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  // Services make their own tags from versions; hashing every body would only cost.
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.set(
    'trust proxy',
    options.trustedProxies === undefined || options.trustedProxies.length === 0
      ? false
      : options.trustedProxies,
  );
  app.enable('case sensitive routing');
  // Express' own types know no event but `mount`; `startServer` emits this one.
  (app as EventEmitter).on('drain', () => options.readiness.drain());

  app.use(observeRequests(options));
  app.use(refuseDangerous);
  operatorRoutes(app, options);
  options.routes(app);
  app.use(noRoute(app));
  app.use(answerErrors(options.log));
  return app;
}

const refuseDangerous: RequestHandler = (req, _res, next) => {
  const refused = refusal(req);
  if (refused === undefined) next();
  else next(refused);
};

function operatorRoutes(app: Express, options: ServiceAppOptions): void {
  app.get('/livez', (_req, res) => {
    sendJson(res, 200, { status: 'ok' });
  });
  app.get('/readyz', async (_req, res) => {
    const report = await options.readiness.report();
    sendJson(res, report.ready ? 200 : 503, {
      status: report.ready ? 'ok' : 'not ready',
      checks: report.checks,
    });
  });
  app.get('/metrics', async (_req, res) => {
    const text = await options.metrics.registry.metrics();
    res.setHeader('Content-Type', options.metrics.registry.contentType);
    res.setHeader('Cache-Control', 'no-store');
    res.end(text);
  });
  app.get('/problems/:code', (req, res, next) => {
    const { code } = req.params;
    if (!Object.hasOwn(errorCatalogue, code)) {
      next(new CatalogError('not_found', 'There is no such problem type.'));
      return;
    }
    sendJson(res, 200, { code, ...errorCatalogue[code as keyof typeof errorCatalogue] });
  });
  if (options.openapi === undefined) return;
  const document = Buffer.from(JSON.stringify(options.openapi));
  app.get('/openapi.json', (_req, res) => {
    res.setHeader('Content-Type', 'application/json');
    res.end(document);
  });
  const page = docsPage(options.openapi);
  app.get('/docs', (_req, res) => {
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.setHeader('Content-Security-Policy', page.contentSecurityPolicy);
    res.end(page.html);
  });
}

function sendJson(res: ServerResponse<IncomingMessage>, status: number, body: object): void {
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Cache-Control', 'no-store');
  res.end(JSON.stringify(body));
}

function noRoute(app: Express): RequestHandler {
  return (req, res, next) => {
    const methods = allowedMethods(app, req.path);
    if (methods.length === 0) {
      next(new CatalogError('not_found', 'There is no such address.'));
      return;
    }
    res.setHeader('Allow', methods.join(', '));
    next(new CatalogError('method_not_allowed', `This address takes ${methods.join(', ')}.`));
  };
}

function answerErrors(log: Logger): ErrorRequestHandler {
  return (thrown: unknown, req: Request, res, _next) => {
    const error = translate(thrown);
    const requestId = requestIdOf(req);
    if (error.status >= 500) {
      log.error(
        { err: error.cause ?? error, requestId, method: req.method, url: req.originalUrl, code: error.code },
        error.message,
      );
    }
    if (res.headersSent) {
      // Too late for another status: the client must see that the answer is not whole.
      res.destroy();
      return;
    }
    if (req.method === 'TRACE')
      res.setHeader('Allow', allowedMethods(req.app as Express, req.path).join(', '));
    sendProblem(res, error, requestId);
  };
}
