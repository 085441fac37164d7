/** A service with several workers: `node workers.fixture.ts COUNT`. Its log goes to stdout. */
import { createServiceApp } from '../http/app.ts';
import { runServer } from '../lifecycle/run-server.ts';

const [workers = '2', mode = ''] = process.argv.slice(2);

await runServer({
  service: 'shared',
  config: {
    PORT: 0,
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    TRUSTED_PROXIES: [],
    KEEP_ALIVE_SECONDS: 75,
  },
  workers: Number(workers),
  async createApp(parts) {
    if (mode === 'cannot-start' && process.send !== undefined) throw new Error('broken');
    let ready = true;
    parts.readiness.add('switch', () => {
      if (!ready) throw new TypeError('switched off');
    });
    return createServiceApp({
      ...parts,
      service: 'shared',
      routes(app) {
        app.get('/pid', (_req, res) => {
          setTimeout(() => res.json(process.pid), 2);
        });
        app.get('/switch-off', (_req, res) => {
          ready = false;
          res.json(process.pid);
        });
        app.get('/wait', (req, res) => {
          setTimeout(() => res.json(process.pid), Number(req.query['ms']));
        });
      },
    });
  },
});
