import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { CatalogError, type UserRole } from '@catalog/contracts';
import { CallerPlaces, type CallerTurns, PacedTurns, readBody } from '@catalog/service-kit';
import type { Express, Request, RequestHandler, Response as Answer } from 'express';
import type { Accounts } from '../accounts/accounts.ts';
import type { ActionLog } from '../audit-log/action-log.ts';
import { audited, noteActed, type Acted } from '../audit-log/audited.ts';
import { sentJson } from '../audit-log/sent-json.ts';
import { requireRole, signedIn } from '../sessions/access.ts';
import type { ServiceCall, ServiceCaller, ServiceName } from './caller.ts';
import { isFromCache, pacedCalls } from './paced-calls.ts';

/** A call that the console passes on as it is. */
export interface Forwarded {
  readonly method: 'get' | 'post' | 'delete';
  /** The address in the console, with parameters as `:id`. */
  readonly path: string;
  readonly service: ServiceName;
  /** The address in the service, with the same parameters. */
  readonly to: string;
  readonly scope: string;
  readonly role: UserRole;
  /** Its name in the audit log. Every call that may change something has one. */
  readonly action?: string;
  /** What the audit log keeps: `sent` in place of the body, and `answered` from the answer. */
  readonly notes?: {
    readonly sent: (req: Request) => Record<string, unknown>;
    readonly answered: (body: unknown) => Record<string, unknown>;
  };
  /** A body that is passed on while it arrives, and how long the answer may take. */
  readonly upload?: { readonly timeout_ms: number };
  /** Whether it is a search, unless the query names ids. */
  readonly isSearch?: boolean;
  /** Whether the service reads Postgres for it each time. */
  readonly isPaced?: boolean;
  /** Whether the worker looks through its recent changes for it, which it does for one caller after the other. */
  readonly isLook?: boolean;
  /** Such as `exports`: it takes long, and the service has a few places for all people together, so a person gets one. */
  readonly longWork?: string;
  readonly timeout_ms?: number;
}

const requestHeaders = [
  'accept',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'import-id',
  'min-version',
];
const answerHeaders = [
  'age',
  'cache-status',
  'catalog-version',
  'content-disposition',
  'content-type',
  'etag',
  'idempotency-replayed',
  'location',
  'retry-after',
];

/** Of one person. The worker lets 20 wait, and a reader 100 views of keys, of all people together. A look at readers has 16 views. */
export const lookLimits = {
  what: 'looks at changes and readers',
  atOnce: 2,
  waiting: 20,
  wait_ms: 5_000,
} as const;

/** Changes of one person. The page that changes many products saves four at once. catalog-write makes five for all people together. */
export const changeLimits = { what: 'changes', atOnce: 4, waiting: 20, wait_ms: 5_000 } as const;

/** Forms of the console are small. Files are uploads. */
const mostBodyBytes = 256 * 1024;

export function forwardRoutes(
  app: Express,
  table: readonly Forwarded[],
  deps: {
    caller: ServiceCaller;
    accounts: Pick<Accounts, 'find'>;
    actions: Pick<ActionLog, 'record'>;
    looks: CallerTurns;
    changes: CallerTurns;
  },
): void {
  const { caller, accounts, actions, looks, changes } = deps;
  const searches = new PacedTurns({ what: 'searches', ...pacedCalls });
  const reads = new PacedTurns({ what: 'looks at histories, imports, orders and stock', ...pacedCalls });
  for (const route of table) {
    const { longWork } = route;
    const places =
      longWork === undefined
        ? undefined
        : new CallerPlaces({ what: longWork, mostPerCaller: 1, retryAfter_s: 10 });
    const guards: RequestHandler[] = [
      ...(route.action === undefined ? [] : [audited(actions, route.action)]),
      ...(route.role === 'viewer' ? [] : [requireRole(route.role, { accounts })]),
    ];
    app[route.method](route.path, ...guards, async (req, res) => {
      const { username } = signedIn(res);
      using _place = places && keptWhenLeft(places.take(username), res);
      const turns = route.isLook === true ? looks : isShortChange(route) ? changes : undefined;
      using _turn = await turns?.take(username);
      await forward({ caller, searches, reads }, route, req, res);
    });
  }
}

/** A service notices within a second that a person has left, and then undoes the work. Until then its own place is taken. */
const leftFor_ms = 3_000;

/** Otherwise a person who leaves each import at its end would take the places of all others, one after the other. */
const keptWhenLeft = (place: Disposable, res: Answer): Disposable => ({
  [Symbol.dispose]() {
    const free = (): void => place[Symbol.dispose]();
    if (res.closed && !res.writableFinished) setTimeout(free, leftFor_ms).unref();
    else free();
  },
});

const isShortChange = ({ method, longWork }: Forwarded): boolean =>
  method !== 'get' && longWork === undefined;

/**
 * Only long work ends when the person leaves. The service makes all other answers to their end, so the place of the person is not free
 * before: otherwise a person who leaves each time could have any number of calls under way.
 */
const endsWithPerson = ({ longWork, timeout_ms }: Forwarded): boolean =>
  longWork !== undefined || timeout_ms !== undefined;

async function forward(
  { caller, searches, reads }: { caller: ServiceCaller; searches: PacedTurns; reads: PacedTurns },
  route: Forwarded,
  req: Request,
  res: Answer,
): Promise<void> {
  const gone = new AbortController();
  res.on('close', () => gone.abort());
  const body =
    route.upload === undefined && hasBody(req) ? Buffer.from(await readBody(req, mostBodyBytes)) : undefined;
  const noted = route.notes?.sent(req);
  if (route.action !== undefined)
    noteActed(res, { ...sentBy(req, body), ...(noted !== undefined && { detail: noted }) });
  const { username } = signedIn(res);
  const isSearch = route.isSearch === true && req.query['ids'] === undefined;
  const call: ServiceCall = {
    service: route.service,
    method: req.method,
    path: addressIn(route.to, req),
    scope: route.scope,
    username,
    headers: chosenHeaders(req),
    ...(endsWithPerson(route) && { signal: gone.signal }),
    ...(route.upload !== undefined
      ? { body: req, timeout_ms: route.upload.timeout_ms }
      : route.timeout_ms !== undefined && { timeout_ms: route.timeout_ms }),
    ...(body !== undefined && { body }),
  };
  const turns = isSearch ? searches : route.isPaced === true ? reads : undefined;
  const response = await (turns?.run(username, () => caller.call(call), isFromCache) ?? caller.call(call));
  // A created product is named by its address.
  const created = response.headers.get('location')?.split('/').at(-1);
  if (created !== undefined) noteActed(res, { target: created });
  if (route.notes !== undefined) {
    const answered = await response
      .clone()
      .json()
      .then(route.notes.answered)
      .catch(() => ({}));
    noteActed(res, { detail: { ...noted, ...answered } });
  }
  await passOn(response, res);
}

export function chosenHeaders(req: Request): Record<string, string> {
  return Object.fromEntries(
    requestHeaders.flatMap((name) => {
      const value = req.headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

/** Sends the answer of a service to the browser while it arrives. */
export async function passOn(response: Response, res: Answer): Promise<void> {
  res.status(response.status);
  for (const name of answerHeaders) {
    const value = response.headers.get(name);
    if (value !== null) res.set(name, value);
  }
  if (response.body === null) {
    res.end();
    return;
  }
  const body = Readable.fromWeb(response.body as never);
  // If the person has left already, nothing reads the body. Without this, its timeout would end this process.
  body.on('error', () => res.destroy());
  res.flushHeaders();
  // Several parts listen for the end of an answer, and pipeline adds listeners of its own. Node warns if there are more than 10.
  res.setMaxListeners(20);
  await pipeline(body, res).catch(() => {
    body.destroy();
    res.destroy();
  });
}

/** What the person sent: the JSON, or the options of a file. */
function sentBy(req: Request, body: Buffer | undefined): Acted {
  const importId = req.get('import-id');
  if (body === undefined) {
    const target = importId ?? req.query['key'];
    return { ...(typeof target === 'string' && { target }), detail: { ...req.query } };
  }
  const detail = sentJson(body);
  if (detail === undefined) return {};
  const { key, entity } = (detail ?? {}) as { key?: unknown; entity?: unknown };
  const target = [key, entity].find((one) => typeof one === 'string');
  return { ...(target !== undefined && { target }), detail };
}

const hasBody = (req: Request): boolean =>
  req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined;

/** Puts the parameters, encoded again, and the query of a request into the address of the service. */
function addressIn(to: string, req: Request): string {
  const path = to.replace(/:(\w+)/g, (_, name: string) => {
    const value = String(req.params[name]);
    // Addresses drop such segments, so the call would reach another route.
    if (value === '.' || value === '..') throw new CatalogError('no_route', 'There is no such address.');
    return encodeURIComponent(value);
  });
  const query = req.url.indexOf('?');
  return query === -1 ? path : path + req.url.slice(query);
}
