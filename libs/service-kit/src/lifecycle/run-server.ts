import type { Express } from 'express';
import { readiness } from '../health/readiness.ts';
import type { ServiceDependencies } from '../http/app.ts';
import { startServer } from '../http/server.ts';
import { createLogger, type Logger } from '../logging/logger.ts';
import { createMetrics } from '../metrics/metrics.ts';
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
  };
  /** For a whole request with its body. A service that takes uploads needs a longer time. */
  readonly requestTimeout_ms?: number;
  /** Builds the app and all that it needs. The server starts afterwards, and stops before everything in `scope`. */
  createApp(parts: ServiceDependencies & { readonly clock: Clock }, scope: ServiceScope): Promise<Express>;
}

/** The whole process of an HTTP service: log, metrics, readiness, the app, and a server that drains at the end. */
export async function runServer(options: RunServerOptions): Promise<void> {
  const { service, config, requestTimeout_ms } = options;
  const log: Logger = createLogger({ service, level: config.LOG_LEVEL });
  await runService({
    log,
    async start(scope) {
      const parts = {
        log,
        metrics: createMetrics({ service }),
        readiness: readiness(),
        clock: systemClock,
        trustedProxies: config.TRUSTED_PROXIES,
      };
      const app = await options.createApp(parts, scope);
      const server = await startServer({
        app,
        port: config.PORT,
        host: config.HOST,
        log,
        ...(requestTimeout_ms !== undefined && { requestTimeout_ms }),
      });
      scope.onStop('server', () => server.drain());
    },
  });
}
