import type { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { CatalogError, errorCatalogue } from '@catalog/contracts';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
  type Router,
} from 'express';
import type { Readiness } from '../health/readiness.ts';
import type { Logger } from '../logging/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { docsPage } from '../openapi/docs-page.ts';
import type { OpenApiDocument } from '../openapi/document.ts';
import { sendProblem } from '../problems/problem.ts';
import { translate } from '../problems/translate.ts';
import { refuseOtherMethods } from './other-methods.ts';
import { useOwnMessages } from './messages.ts';
import { noteFailure, observeRequests } from './observe.ts';
import { refusal } from './refusal.ts';
import { requestIdOf } from './request-id.ts';

/** What the app of every service is given. */
export interface ServiceDependencies {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Addresses or CIDR ranges whose `X-Forwarded-For` counts for `req.ip`. */
  readonly trustedProxies?: readonly string[];
}

export interface ServiceAppOptions extends ServiceDependencies {
  readonly service: string;
  /** Adds the service's own routes. They run before the 404. */
  routes(app: Express): void;
  readonly openapi?: OpenApiDocument;
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

  useOwnMessages(app);

  const operator = operatorRoutes(options);
  app.use(firstContact(observeRequests(options), operator));
  options.routes(app);
  app.use(noSuchAddress);
  app.use(answerErrors);
  return app;
}

/**
 * The one middleware on every request's way. The operator's routes are a router of their own behind a
 * test of the address, so that no other request is compared with each of them.
 */
function firstContact(observe: (res: Response) => void, operator: Router): RequestHandler {
  return (req, res, next) => {
    observe(res);
    const refused = refusal(req);
    if (refused !== undefined) next(refused);
    else if (/^\/(?:livez|readyz|metrics|problems|openapi\.json|docs)/.test(req.url))
      operator(req, res, next);
    else next();
  };
}

function operatorRoutes(options: ServiceAppOptions): Router {
  const app = express.Router();
  app.get('/livez', (_req, res) => {
    sendJson(res, 200, { status: 'ok' });
  });
  app.get('/readyz', async (_req, res) => {
    const report = await options.readiness.report();
    sendJson(res, report.ready ? 200 : 503, {
      status: report.ready ? 'ok' : 'not ready',
      checks: report.checks,
      ...(Object.keys(report.warnings).length > 0 && { warnings: report.warnings }),
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
  app.all(['/livez', '/readyz', '/metrics', '/problems/:code'], refuseOtherMethods(['GET', 'HEAD']));
  if (options.openapi === undefined) return app;
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
  app.all(['/openapi.json', '/docs'], refuseOtherMethods(['GET', 'HEAD']));
  return app;
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/json');
  res.setHeader('Cache-Control', 'no-store');
  res.end(JSON.stringify(body));
}

const noSuchAddress: RequestHandler = (_req, _res, next) => {
  next(new CatalogError('not_found', 'There is no such address.'));
};

const answerErrors: ErrorRequestHandler = (thrown: unknown, req: Request, res, _next) => {
  const error = translate(thrown);
  noteFailure(res, error);
  if (res.headersSent) {
    // Too late for another status: the client must see that the answer is not whole.
    res.destroy();
    return;
  }
  if (error.code === 'method_not_allowed' && !res.hasHeader('Allow')) res.setHeader('Allow', 'GET, HEAD');
  sendProblem(res, error, requestIdOf(req));
};
