import type { Express, RequestHandler } from 'express';
import { requireScope } from '../auth/authenticate.ts';
import { createServiceApp, type ServiceDependencies } from '../http/app.ts';
import { jsonBody, requireContentType } from '../http/json-body.ts';
import { httpLimits } from '../http/limits.ts';
import { refuseOtherMethods } from '../http/other-methods.ts';
import { openApiDocument } from '../openapi/document.ts';
import { CallerTurns } from '../rate-limit/caller-turns.ts';
import { callerKey, limitRate, type RequestLimit } from '../rate-limit/limit-rate.ts';
import { parse } from '../validation/parse.ts';
import { requestTimeout } from './header-fields.ts';
import type { JsonBody, Route, StreamedBody } from './route.ts';

/** What the app of every service with an API is given. */
export interface ApiDependencies extends ServiceDependencies {
  readonly authenticate: RequestHandler;
  /** Without one, requests are not limited. */
  readonly rateLimiter?: RequestLimit;
}

interface ApiOptions extends ApiDependencies {
  readonly service: string;
  readonly description: string;
  readonly routes: readonly Route[];
  /**
   * Connections to Postgres that the routes share. At most half as many requests of one caller run at once; the others wait for
   * their turn. Uploads take no turn. If undefined, requests do not wait.
   */
  readonly connections?: number;
}

/** The app of a service that answers the declared routes, and `/openapi.json` and `/docs` about them. */
export function createApi(options: ApiOptions): Express {
  const { service, description, routes, rateLimiter } = options;
  const openapi = openApiDocument({
    title: service,
    version: '1',
    description,
    routes,
    isRateLimited: rateLimiter !== undefined,
  });
  return createServiceApp({ ...options, openapi, routes: (app) => addRoutes(app, options) });
}

function addRoutes(app: Express, options: ApiOptions): void {
  const { routes, authenticate, rateLimiter, connections } = options;
  const turns = connections === undefined ? undefined : turnsOnHalfOf(connections);
  const methodsOf = new Map<string, string[]>();
  for (const route of routes) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1');
    const scopes = typeof route.scope === 'string' ? ([route.scope] as const) : route.scope;
    app[route.method](
      path,
      authenticate,
      requireScope(...scopes),
      ...(rateLimiter === undefined ? [] : [limitRate(rateLimiter, route.cost)]),
      ...bodyReaders(route.body),
      handlerOf(route, isStreamed(route.body) ? undefined : turns),
    );
    const methods = methodsOf.get(path) ?? [];
    methods.push(...(route.method === 'get' ? ['GET', 'HEAD'] : [route.method.toUpperCase()]));
    methodsOf.set(path, methods);
  }
  // Behind all routes, so that they cost a request nothing that has a route.
  for (const [path, methods] of methodsOf) app.all(path, refuseOtherMethods(methods));
}

const isStreamed = (body: Route['body']): body is StreamedBody => body !== undefined && 'streamed' in body;

function bodyReaders(body: JsonBody | StreamedBody | undefined): RequestHandler[] {
  return body === undefined || isStreamed(body)
    ? []
    : [jsonBody(body.types === undefined ? {} : { types: body.types })];
}

const turnsOnHalfOf = (connections: number): CallerTurns =>
  new CallerTurns({
    what: 'requests',
    atOnce: Math.max(1, Math.floor(connections / 2)),
    waiting: httpLimits.waitingRequestsOfCaller,
    wait_ms: httpLimits.requestTurn_ms,
  });

type Check = (given: Readonly<Record<string, unknown>>) => unknown;

function checkOf(declared: Route['params'], where: 'params' | 'query'): Check {
  if (declared === undefined) return () => undefined;
  return 'schema' in declared ? declared.check : (given) => parse(declared, given, where);
}

/** Checks the parts of a request in their order, and calls the handler when it is the turn of the request. */
function handlerOf(
  { params, query, headers, body, handle }: Route,
  turns: CallerTurns | undefined,
): RequestHandler {
  const checkParams = checkOf(params, 'params');
  const checkQuery = checkOf(query, 'query');
  const fields = Object.entries(headers ?? {});
  const mayGiveUp = fields.some(([, field]) => field === requestTimeout);
  const streamedTypes = isStreamed(body) ? body.types : undefined;
  const bodySchema = body !== undefined && 'schema' in body ? body.schema : undefined;
  return async (req, res) => {
    const { caller } = req;
    if (caller === undefined) throw new Error('a route was reached without authentication');
    const input = {
      mediaType: streamedTypes === undefined ? undefined : requireContentType(req, streamedTypes),
      params: checkParams(req.params),
      query: checkQuery(req.query),
      body: bodySchema === undefined ? undefined : parse(bodySchema, req.body, 'body'),
      headers: {} as Record<string, unknown>,
      caller,
    };
    for (const [name, field] of fields) input.headers[name] = field.read(req);
    if (turns === undefined) return handle(input, res, req);
    using _turn = await turns.take(callerKey(req), mayGiveUp ? requestTimeout.read(req) : undefined);
    await handle(input, res, req);
  };
}
