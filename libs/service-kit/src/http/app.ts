import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { CatalogError } from '@catalog/contracts';
import express, {
  type ErrorRequestHandler,
  type Express,
  type RequestHandler,
  type Response,
  type Router,
} from 'express';
import type { Readiness } from '../health/readiness.ts';
import type { Logger } from '../logging/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { OpenApiDocument } from '../openapi/document.ts';
import { answerError } from './answer-error.ts';
import { useOwnMessages } from './messages.ts';
import { observeRequests } from './observe.ts';
import { operatorRoutes } from './operator-routes.ts';

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
  /** The log calls requests slow that take longer. */
  readonly slow_ms?: number;
}

/** The Express app of a service, with everything that all services share. */
export function createServiceApp(options: ServiceAppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  // Services make ETags from versions. Express would hash every body.
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.set(
    'trust proxy',
    options.trustedProxies === undefined || options.trustedProxies.length === 0
      ? false
      : options.trustedProxies,
  );
  app.enable('case sensitive routing');
  // `startServer` emits this event. Express' types know only `mount`.
  (app as EventEmitter).on('drain', () => options.readiness.drain());

  useOwnMessages(app);

  const operator = operatorRoutes(options);
  app.use(beforeRouting(observeRequests({ ...options, stopping: options.readiness.stopping }), operator));
  options.routes(app);
  app.use(noSuchAddress(options.service));
  app.use(answerErrors);
  return app;
}

/**
 * The only middleware that every request passes. One test of the address decides about the operator's routes, so that
 * other requests are not compared with each of them.
 */
function beforeRouting(observe: (res: Response) => void, operator: Router): RequestHandler {
  return (req, res, next) => {
    observe(res);
    const refused = refusal(req);
    if (refused !== undefined) next(refused);
    else if (/^\/(?:livez|readyz|metrics|problems|openapi\.json|docs)/.test(req.url))
      operator(req, res, next);
    else next();
  };
}

/**
 * Refuses what Node's parser accepts but a proxy may read in another way than we do (RFC 9112, 3.2 and 11.2): two Host
 * headers, a target that names a host, unusual transfer codings, TRACE. It also refuses every `Expect` but 100-continue.
 */
function refusal(req: IncomingMessage): CatalogError | undefined {
  const target = req.url ?? '';
  if (target.charCodeAt(0) !== 0x2f) {
    if (target === '*' && req.method === 'OPTIONS') return undefined;
    return new CatalogError('malformed_request', 'The request target must be a path that starts with "/".');
  }
  if (req.method === 'TRACE') return new CatalogError('method_not_allowed', 'TRACE is not supported.');
  let hosts = 0;
  const headers = req.rawHeaders;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    // The length alone rules out most names.
    if (name.length === hostLength && name.toLowerCase() === 'host') hosts++;
    else if (name.length === expectLength && name.toLowerCase() === 'expect') {
      if (headers[index + 1]?.toLowerCase() !== '100-continue')
        return new CatalogError('malformed_request', 'The only expectation supported is 100-continue.');
    } else if (name.length === codingLength && name.toLowerCase() === 'transfer-encoding') {
      // With another coding, readers may disagree about the length of the body (RFC 9112, 6.3).
      if (headers[index + 1]?.toLowerCase() !== 'chunked') {
        return new CatalogError('malformed_request', 'The only Transfer-Encoding supported is chunked.');
      }
    }
  }
  // HTTP/1.0 has no Host header.
  if (hosts === 1 || (hosts === 0 && req.httpVersion === '1.0')) return undefined;
  return new CatalogError('malformed_request', 'There must be exactly one Host header.');
}

const hostLength = 'host'.length;
const expectLength = 'expect'.length;
const codingLength = 'transfer-encoding'.length;

const noSuchAddress =
  (service: string): RequestHandler =>
  (_req, _res, next) => {
    next(new CatalogError('no_route', `${service} has no such address.`));
  };

const answerErrors: ErrorRequestHandler = (thrown: unknown, _req, res, _next) => answerError(res, thrown);
