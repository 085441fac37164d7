import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { createInvalidationQueue, createRefreshQueue } from '@catalog/change-feed';
import { createPool, createServicePool, type Pool } from '@catalog/database';
import { connectStateRedis, RateLimiter } from '@catalog/redis';
import { createLogger, createMetrics, readiness, startServer } from '@catalog/service-kit';
import {
  createTestDatabase,
  createTestTokens,
  freePort,
  manualClock,
  startRedis,
  type ManualClock,
  type RedisServer,
  type TestDatabase,
  type TestTokens,
} from '@catalog/testing';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { userRoles, type UserRole } from '@catalog/contracts';
import { Accounts } from '../accounts/accounts.ts';
import { createPasswordHasher } from '../accounts/password-hash.ts';
import { createProfileCache } from '../accounts/profile-cache.ts';
import { createApp, serviceName } from '../app.ts';
import { ActionLog } from '../audit-log/action-log.ts';
import { clockOffset_ms } from '../follow/clock-offset.ts';
import { Series } from '../overview/series.ts';
import { systemState } from '../overview/state.ts';
import { ServiceCaller } from '../services/caller.ts';
import { longestFile_ms } from '../services/forwarded.ts';
import { tokenSigner } from '../services/service-key.ts';
import { createThrottle, type ThrottleRules } from '../sign-in/throttle.ts';

export interface ScriptedService extends AsyncDisposable {
  readonly url: string;
  readonly requests: { method: string; url: string; authorization: string | undefined; body: string }[];
  /** The answers of the service by path. A test may replace them. */
  answers: Record<string, { status: number; body: string }>;
}

/** Stands for a service that the console asks. It gives the answers that the test sets. */
async function scriptedService(answers: ScriptedService['answers']): Promise<ScriptedService> {
  const requests: ScriptedService['requests'] = [];
  const read = async (req: IncomingMessage): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  };
  const scripted = { requests, answers };
  const server = createServer((req, res) => {
    void (async () => {
      const { method = '', url = '' } = req;
      requests.push({ method, url, authorization: req.headers.authorization, body: await read(req) });
      const { status, body } = scripted.answers[url] ?? { status: 404, body: '' };
      res.writeHead(status).end(body);
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(scripted, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

export interface CallOptions {
  /** The `Cookie` header. */
  readonly cookie?: string | undefined;
  readonly headers?: Record<string, string>;
  readonly form?: Record<string, string>;
  readonly json?: unknown;
  /** The bytes as they are. */
  readonly body?: string;
}

export interface RunningConsole extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly database: TestDatabase;
  readonly owner: Pool;
  readonly accounts: Accounts;
  readonly redisServer: RedisServer;
  readonly redis: Redis;
  readonly queues: { readonly invalidation: Queue; readonly refresh: Queue };
  readonly clock: ManualClock;
  readonly worker: ScriptedService;
  readonly tokens: TestTokens;
  readonly logLines: string[];
  /** The log line of the last action of a user; undefined before the first. */
  readonly lastAction: () => unknown;
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  /** The cookie of a new session. Fails unless the sign-in succeeds. */
  signIn(role: UserRole, headers?: Record<string, string>): Promise<string>;
}

export const password = 'correct horse battery staple';

/** The new cookie of an answer, in the form of a `Cookie` header. */
export function cookieOf(response: Response): string | undefined {
  return response.headers.getSetCookie()[0]?.split(';')[0];
}

/** The console on a free port, with its own database and Redis, a user of each role, and a clock that the test moves. */
export async function runningConsole(
  options: {
    origin?: string;
    throttle?: ThrottleRules;
    /** In 10 s. */
    requestsOfPerson?: number;
    trustedProxies?: string[];
    /** The address of the services. A scripted one stands for all of them unless set. */
    workerUrl?: string;
    /** The address of catalog-read, which the console asks what its caches hold. Without it, the scripted service answers. */
    readUrl?: string;
    /** Loads the cached profiles from elsewhere than Postgres. */
    findProfile?: Accounts['find'];
  } = {},
): Promise<RunningConsole> {
  const database = await createTestDatabase({ migrated: true });
  const redisServer = await startRedis();
  const tokens = await createTestTokens();
  const worker = await scriptedService({
    '/readyz': { status: 200, body: '{"status":"ok","checks":{"postgres":"ok"}}' },
    '/metrics': { status: 200, body: 'cache_watermark_age_seconds{service="catalog-read"} 0.1' },
  });
  const serviceUrl = options.workerUrl ?? worker.url;
  const logLines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logLines.push(...chunk.toString('utf8').split('\n').slice(0, -1));
      done();
    },
  });
  const log = createLogger({ service: serviceName, destination });
  const clock = manualClock(Date.now());
  const pool = createServicePool({ url: database.urlFor('console'), applicationName: serviceName, max: 4 });
  const owner = createPool({ url: database.url, applicationName: 'test' });
  const redis = connectStateRedis({ url: redisServer.url, name: serviceName, onError: () => undefined });
  await once(redis, 'ready');
  const queues = { invalidation: createInvalidationQueue(redis), refresh: createRefreshQueue(redis) };
  for (const queue of Object.values(queues)) queue.on('error', () => undefined);
  const accounts = new Accounts(pool, createPasswordHasher());
  for (const role of userRoles) await accounts.put(role, password, role);
  // No worker sends heartbeats here, so every profile read bypasses the caches.
  const profileCache = createProfileCache({
    find: options.findProfile ?? ((id) => accounts.find(id)),
    cacheRedisUrl: redisServer.url,
    database: pool,
    onError: () => undefined,
  });
  await profileCache.start();
  // The app needs the port for its origin, so the port is chosen first.
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const sign = await tokenSigner(tokens.keyFile, clock);
  const actions = new ActionLog(pool, log);
  const app = createApp({
    accounts,
    profiles: profileCache.profiles,
    redis,
    queues: Object.values(queues),
    throttle: createThrottle(redis, options.throttle),
    caller: new ServiceCaller(
      {
        'catalog-read': serviceUrl,
        'catalog-write': serviceUrl,
        'invalidation-worker': serviceUrl,
        orders: serviceUrl,
      },
      sign,
    ),
    sign,
    clockOffset_ms: () => clockOffset_ms(pool),
    state: systemState({
      services: [{ name: 'invalidation-worker', url: worker.url }],
      workerUrl: worker.url,
      readUrl: worker.url,
      stores: { postgres: () => pool.query('select 1'), stateRedis: () => redis.ping() },
      queues: Object.values(queues),
      actions,
      clock,
    }),
    series: new Series(),
    actions,
    rateLimiter: new RateLimiter({
      redis,
      name: serviceName,
      limit: options.requestsOfPerson ?? 100_000,
      window_ms: 10_000,
      onError: () => undefined,
    }),
    readUrl: options.readUrl ?? worker.url,
    sessionSecret: 'a secret of this test that is long enough',
    origin: options.origin ?? url,
    clock,
    log,
    metrics: createMetrics({ service: serviceName }),
    readiness: readiness(),
    ...(options.trustedProxies !== undefined && { trustedProxies: options.trustedProxies }),
  });
  const server = await startServer({
    app,
    listen: { port, host: '127.0.0.1' },
    log,
    requestTimeout_ms: longestFile_ms,
    drainGrace_ms: 0,
  });

  const call: RunningConsole['call'] = (method, path, { cookie, headers, form, json, body } = {}) =>
    fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(cookie !== undefined && { Cookie: cookie }),
        ...(json !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(form !== undefined && { body: new URLSearchParams(form) }),
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(body !== undefined && { body }),
    });

  return {
    url,
    port,
    database,
    owner,
    accounts,
    redisServer,
    redis,
    queues,
    clock,
    worker,
    tokens,
    logLines,
    lastAction: () =>
      logLines.map((line) => JSON.parse(line) as { msg: string }).findLast(({ msg }) => msg === 'acted'),
    call,
    async signIn(role, headers = {}) {
      const response = await call('POST', '/sign-in', { form: { username: role, password }, headers });
      const cookie = cookieOf(response);
      if (response.status !== 303 || cookie === undefined)
        throw new Error(`no sign-in as ${role}: ${response.status} ${await response.text()}`);
      return cookie;
    },
    async [Symbol.asyncDispose]() {
      server.server.closeAllConnections();
      await server.drain();
      await Promise.all(Object.values(queues).map((queue) => queue.close()));
      await profileCache.stop();
      redis.disconnect();
      await Promise.all([pool.end(), owner.end()]);
      await Promise.all([database, redisServer, tokens, worker].map((part) => part[Symbol.asyncDispose]()));
    },
  };
}
