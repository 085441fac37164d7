import type { Express } from 'express';
import { readiness, type Readiness, type ReadinessReport } from '../health/readiness.ts';
import type { ServiceDependencies } from '../http/app.ts';
import { startServer } from '../http/server.ts';
import { createLogger, type Logger } from '../logging/logger.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { linkToPrimary, type WorkerLink } from '../workers/link.ts';
import { Primary } from '../workers/primary.ts';
import { systemClock, type Clock } from './clock.ts';
import { runService, type ServiceScope } from './run-service.ts';

export interface RunServerOptions {
  readonly service: string;
  /** The values of `baseConfig`. */
  readonly config: {
    readonly PORT: number;
    readonly HOST: string;
    readonly LOG_LEVEL: NonNullable<Parameters<typeof createLogger>[0]['level']>;
    readonly TRUSTED_PROXIES: readonly string[];
    readonly KEEP_ALIVE_SECONDS: number;
  };
  /** How many processes share the port. With 1, the default, this process does the work itself. */
  readonly workers?: number;
  /** For a whole request with its body. A service that takes uploads needs a longer time. */
  readonly requestTimeout_ms?: number;
  /** Builds the app and all that it needs. The server starts afterwards, and stops before everything in `scope`. */
  createApp(parts: ServiceDependencies & { readonly clock: Clock }, scope: ServiceScope): Promise<Express>;
}

/**
 * The whole process of an HTTP service: log, metrics, readiness, the app, and a server that drains at the end. With
 * `workers`, the process that is started becomes the primary, and starts its own script again for each worker.
 */
export async function runServer(options: RunServerOptions): Promise<void> {
  const link = linkToPrimary();
  if ((options.workers ?? 1) > 1 && link === undefined) await runPrimary(options);
  else await runWorker(options, link);
}

async function runPrimary({ service, config, workers = 1 }: RunServerOptions): Promise<void> {
  const log: Logger = createLogger({ service, level: config.LOG_LEVEL }).child({ worker: 'primary' });
  await runService({
    log,
    async start(scope) {
      const metrics = createMetrics({ service, worker: 'primary' });
      scope.run('workers', new Primary({ workers, port: config.PORT, host: config.HOST, log, metrics }));
    },
  });
}

async function runWorker(options: RunServerOptions, link: WorkerLink | undefined): Promise<void> {
  const { service, config, requestTimeout_ms } = options;
  const base = createLogger({ service, level: config.LOG_LEVEL });
  const log: Logger = link === undefined ? base : base.child({ worker: link.worker });
  await runService({
    log,
    link,
    async start(scope) {
      const metrics = createMetrics(link === undefined ? { service } : { service, worker: `${link.worker}` });
      const ready = readiness();
      link?.onQuestion(async (question) =>
        question === 'metrics' ? metrics.text() : JSON.stringify(await ready.report()),
      );
      const parts = {
        log,
        metrics,
        readiness: ready,
        clock: systemClock,
        trustedProxies: config.TRUSTED_PROXIES,
        ...(link !== undefined && answersOfAll(link, metrics, ready)),
      };
      const app = await options.createApp(parts, scope);
      const server = await startServer({
        app,
        listen: link ?? { port: config.PORT, host: config.HOST },
        log,
        keepAlive_ms: config.KEEP_ALIVE_SECONDS * 1_000,
        ...(requestTimeout_ms !== undefined && { requestTimeout_ms }),
      });
      scope.onStop('server', () => server.drain());
      link?.started();
    },
  });
}

/** A client asks one worker about the service. The answer is about all of them. */
function answersOfAll(
  link: WorkerLink,
  metrics: Metrics,
  ready: Readiness,
): { readonly metrics: Metrics; readonly readiness: Readiness } {
  return {
    metrics: { ...metrics, text: () => link.askAll('metrics') },
    readiness: {
      ...ready,
      report: async () => JSON.parse(await link.askAll('readiness')) as ReadinessReport,
    },
  };
}
