/** A service on a free port for the tests beside, with what it logged. */
import { Writable } from 'node:stream';
import type { Express } from 'express';
import { readiness, type Readiness } from '../health/readiness.ts';
import { createLogger } from '../logging/logger.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { createServiceApp, type ServiceDependencies } from './app.ts';
import { startServer, type RunningServer, type ServerOptions } from './server.ts';

export interface TestService extends AsyncDisposable, RunningServer {
  readonly url: string;
  /** Whole lines, as written. */
  readonly logLines: string[];
  readonly readiness: Readiness;
  readonly metrics: Metrics;
}

export async function startTestService(options: {
  /** Raw routes of Express. */
  routes?(app: Express): void;
  /** Instead of `routes`. */
  create?(deps: ServiceDependencies): Express;
  trustedProxies?: string[];
  drainGrace_ms?: number;
  requestTimeout_ms?: number;
  unread?: ServerOptions['unread'];
  keepAlive_ms?: number;
  connectionsOfAddress?: number;
  level?: string;
}): Promise<TestService> {
  const logLines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      logLines.push(...chunk.toString('utf8').split('\n').slice(0, -1));
      done();
    },
  });
  const log = createLogger({ service: 'test', level: options.level ?? 'info', destination });
  const ready = readiness();
  const metrics = createMetrics({ service: 'test' });
  const deps = {
    log,
    metrics,
    readiness: ready,
    ...(options.trustedProxies !== undefined && { trustedProxies: options.trustedProxies }),
  };
  const { routes = () => {}, create = () => createServiceApp({ ...deps, service: 'test', routes }) } =
    options;
  const app = create(deps);
  const running = await startServer({
    app,
    listen: { port: 0, host: '127.0.0.1' },
    log,
    drainGrace_ms: options.drainGrace_ms ?? 0,
    ...(options.unread && { unread: options.unread }),
    ...(options.requestTimeout_ms !== undefined && { requestTimeout_ms: options.requestTimeout_ms }),
    ...(options.keepAlive_ms !== undefined && { keepAlive_ms: options.keepAlive_ms }),
    ...(options.connectionsOfAddress !== undefined && {
      connectionsOfAddress: options.connectionsOfAddress,
    }),
  });
  return {
    ...running,
    url: `http://127.0.0.1:${running.port}`,
    logLines,
    readiness: ready,
    metrics,
    async [Symbol.asyncDispose]() {
      running.server.closeAllConnections();
      await running.drain();
    },
  };
}
