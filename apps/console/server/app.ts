import type { Wrapped } from '@catalog/cache';
import type { UserProfile } from '@catalog/contracts';
import {
  CallerPlaces,
  CallerTurns,
  type Clock,
  createServiceApp,
  limitRate,
  type Logger,
  type Metrics,
  type Readiness,
  refuseOtherMethods,
  type RequestLimit,
} from '@catalog/service-kit';
import type { Queue } from 'bullmq';
import type { Express } from 'express';
import type { Redis } from 'ioredis';
import type { Accounts } from './accounts/accounts.ts';
import type { ActionLog } from './audit-log/action-log.ts';
import { auditLogRoutes } from './audit-log/routes.ts';
import { breakItRoutes } from './break-it/routes.ts';
import type { StackSocket } from './break-it/stack-socket.ts';
import { Editing } from './editing/editing.ts';
import { editingRoutes } from './editing/routes.ts';
import { ReaderProbe } from './follow/reader-probe.ts';
import { followRoutes } from './follow/routes.ts';
import { liveRoutes, streamLimits } from './live/routes.ts';
import { WorkerStream } from './live/worker-stream.ts';
import { overviewRoutes } from './overview/routes.ts';
import type { Series } from './overview/series.ts';
import type { SystemState } from './overview/state.ts';
import { errorPages, noSuchPage } from './pages/errors.ts';
import { securityHeaders } from './pages/security-headers.ts';
import { ownPasswordRoute } from './people/own-password.ts';
import { peopleRoutes } from './people/routes.ts';
import { queueRoutes } from './queues/routes.ts';
import { subjectOf, type ServiceCaller } from './services/caller.ts';
import { changeLimits, forwardRoutes, lookLimits } from './services/forward.ts';
import { forwarded } from './services/forwarded.ts';
import { requestCost } from './services/request-cost.ts';
import type { SignToken } from './services/service-key.ts';
import { requireSignIn, signedIn } from './sessions/access.ts';
import { refuseCrossSite } from './sessions/cross-site.ts';
import { meRoute } from './sessions/me.ts';
import { cookieFor } from './sessions/origin.ts';
import { sessionRoutes } from './sessions/routes.ts';
import { SessionStore } from './sessions/session-store.ts';
import { requireTls, sessions } from './sessions/sessions.ts';
import { appPages } from './shell/app-pages.ts';
import { assets } from './shell/assets.ts';
import { shellRoutes } from './shell/routes.ts';
import { signInRoutes } from './sign-in/routes.ts';
import type { Throttle } from './sign-in/throttle.ts';

export const serviceName = 'console';

export interface Dependencies {
  readonly accounts: Accounts;
  readonly profiles: Wrapped<[id: string], UserProfile>;
  /** The state Redis: sessions. */
  readonly redis: Redis;
  readonly queues: readonly Queue[];
  readonly throttle: Throttle;
  readonly caller: ServiceCaller;
  /** Signs the calls of the probe, which asks each process of catalog-read over a connection of its own. */
  readonly sign: SignToken;
  /** Milliseconds by which the clock of Postgres is ahead of ours. */
  readonly clockOffset_ms: () => Promise<number>;
  readonly state: () => Promise<SystemState>;
  readonly series: Series;
  readonly actions: ActionLog;
  readonly readUrl: string;
  /** Only in a local stack. */
  readonly stackSocket?: StackSocket;
  /** Counts the requests of a person. */
  readonly rateLimiter: RequestLimit;
  readonly sessionSecret: string;
  /** The address of the console in a browser. */
  readonly origin: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly trustedProxies?: readonly string[];
}

/**
 * The order of the routes is the access policy. Only the sign-in page and the files of the app come before `requireSignIn`. They
 * hold no data. All other addresses, known or not, need a session.
 */
export function createApp(deps: Dependencies): Express {
  const { accounts, actions, origin, log } = deps;
  const store = new SessionStore(deps.redis, deps.clock);
  const streams = new CallerPlaces(streamLimits);
  const looks = new CallerTurns(lookLimits);
  const changes = new CallerTurns(changeLimits);

  return createServiceApp({
    service: serviceName,
    log,
    metrics: deps.metrics,
    readiness: deps.readiness,
    ...(deps.trustedProxies !== undefined && { trustedProxies: deps.trustedProxies }),
    routes: (app) => {
      app.use(securityHeaders(cookieFor(origin)));
      app.use('/assets', assets());
      app.use(requireTls(origin), refuseCrossSite(origin));
      app.use(sessions({ store, secret: deps.sessionSecret, origin }));
      signInRoutes(app, deps);
      app.use(requireSignIn(deps));
      app.use(limitRate(deps.rateLimiter, requestCost, (_req, res) => `user:${signedIn(res).username}`));
      meRoute(app, { breaksStack: deps.stackSocket !== undefined });
      sessionRoutes(app, { sessions: store, actions });
      ownPasswordRoute(app, { ...deps, sessions: store });
      peopleRoutes(app, { ...deps, sessions: store });
      overviewRoutes(app, deps);
      auditLogRoutes(app, deps);
      liveRoutes(app, { stream: new WorkerStream(deps.caller), streams });
      editingRoutes(app, { accounts, editing: new Editing(deps.redis) });
      followRoutes(app, { ...deps, streams, looks, changes, probe: (username) => probe(deps, username) });
      forwardRoutes(app, forwarded, { ...deps, looks, changes });
      breakItRoutes(app, deps);
      queueRoutes(app, deps);
      shellRoutes(app);
      app.all([...Object.keys(appPages), '/api/me', '/api/state'], refuseOtherMethods(['GET', 'HEAD']));
      app.all('/sign-in', refuseOtherMethods(['GET', 'HEAD', 'POST']));
      app.all('/sign-out', refuseOtherMethods(['POST']));
      app.use(noSuchPage);
      app.use(errorPages(log));
    },
  });
}

function probe({ readUrl, sign }: Dependencies, username: string): ReaderProbe {
  const token = () => sign({ subject: subjectOf(username), audience: 'catalog-read', scope: 'catalog:read' });
  return new ReaderProbe({ url: readUrl, token });
}
