/** A service as a process of its own; says its port on stdout. */
import { readiness } from '../health/readiness.ts';
import { runService } from '../lifecycle/run-service.ts';
import { createLogger } from '../logging/logger.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { createServiceApp } from './app.ts';
import { startServer } from './server.ts';

const log = createLogger({ service: 'drained', level: 'warn' });
await runService({
  log,
  async start(scope) {
    const app = createServiceApp({
      service: 'drained',
      log,
      metrics: createMetrics({ service: 'drained' }),
      readiness: readiness(),
      routes(app) {
        app.get('/work', (_req, res) => {
          setTimeout(() => res.send('done'), 2);
        });
      },
    });
    const server = await startServer({ app, listen: { port: 0, host: '127.0.0.1' }, log });
    scope.onStop('http', () => server.drain());
    process.stdout.write(`${server.port}\n`);
  },
});
