import { refuseOtherMethods } from '@catalog/service-kit';
import type { Express } from 'express';
import type { Accounts } from '../accounts/accounts.ts';
import type { ActionLog } from '../audit-log/action-log.ts';
import { audited } from '../audit-log/audited.ts';
import { requireRole } from '../sessions/access.ts';
import type { StackSocket } from './stack-socket.ts';

export interface BreakItDependencies {
  readonly accounts: Pick<Accounts, 'find'>;
  readonly actions: Pick<ActionLog, 'record'>;
  readonly stackSocket?: StackSocket;
}

/** Only in a local stack. */
export function breakItRoutes(app: Express, { accounts, actions, stackSocket }: BreakItDependencies): void {
  if (stackSocket === undefined) return;

  app.get('/api/break-it', async (_req, res) => {
    res.json({ data: await stackSocket.list() });
  });

  app.post(
    '/api/break-it/:name',
    audited(actions, 'fault.begin'),
    requireRole('admin', { accounts }),
    async (req, res) => {
      await stackSocket.breakPart(String(req.params['name']));
      res.status(204).end();
    },
  );

  // A viewer may put things back too. While Postgres is cut off, the console cannot check the role of anybody.
  app.delete('/api/break-it/:name', audited(actions, 'fault.end'), async (req, res) => {
    await stackSocket.putBack(String(req.params['name']));
    res.status(204).end();
  });

  app.all('/api/break-it', refuseOtherMethods(['GET', 'HEAD']));
}
