import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Logger } from '@catalog/service-kit';
import type { Queue } from 'bullmq';
import type { Express, Request, RequestHandler } from 'express';
import { CatalogError, userRoles, type UserRole } from '@catalog/contracts';
import type { Accounts } from '../accounts/accounts.ts';
import type { ActionLog } from '../audit-log/action-log.ts';
import { audited } from '../audit-log/audited.ts';
import { requireRole } from '../sessions/access.ts';
import { jobRoutes } from './job-routes.ts';
import { jobTitle } from './keys-of-job.ts';
import { QueuesAdapter } from './queues-adapter.ts';

export const queuesPath = '/queues';

/**
 * What an admin may do on the board. The worker believes the data of a job only as far as the outbox confirms it, but a person
 * should not be able to write any: no job is added or edited by hand. "Obliterate" would throw away jobs under way.
 */
const actions =
  /^\/api\/queues\/(?:[^/]+\/){0,2}(?:pause|resume|empty|promote|retry|clean|(?:retry|clean)\/[^/]+)$/;

/** `/api/queues/refresh/17/retry` is "queue.retry" of "refresh 17". */
function namedAct({ method, path }: Request): { action: string; target?: string } | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined;
  const parts = path.split('/').filter((part) => part !== '' && part !== 'api' && part !== 'queues');
  const verb = parts.findLast((part) => verbs.has(part)) ?? 'change';
  const target = parts.filter((part) => part !== verb).join(' ');
  return { action: `queue.${verb}`, target: target === '' ? 'all queues' : target };
}
const verbs = new Set(['pause', 'resume', 'empty', 'promote', 'retry', 'clean']);

/** In bull-board, GET and HEAD never change anything. A test checks all of its routes. */
function actingNeedsAdmin(accounts: Accounts): RequestHandler {
  const admin = requireRole('admin', { accounts });
  return (req, res, next) => {
    if (req.method === 'GET' || req.method === 'HEAD') {
      next();
      return;
    }
    if (!actions.test(req.path)) {
      next(
        new CatalogError(
          'forbidden',
          'Jobs are not added, edited or obliterated here: change the row in Postgres instead.',
        ),
      );
      return;
    }
    void admin(req, res, next);
  };
}

/** As the other pages show times. */
const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
const dayAndClock = { day: 'numeric', month: 'short', year: 'numeric', ...clock } as const;

/** The board of one role. The board of viewers is in read-only mode, so it shows no buttons. */
export function queueBoard(role: UserRole, queues: readonly Queue[], log: Logger): QueuesAdapter {
  const adapter = new QueuesAdapter(role, log);
  adapter.setBasePath(queuesPath);
  const readOnlyMode = role !== 'admin';
  createBullBoard({
    queues: queues.map((queue) => boardOf(queue, readOnlyMode)),
    serverAdapter: adapter,
    options: {
      uiConfig: {
        boardTitle: 'Queues · Catalog',
        boardLogo: { path: '/assets/mark.svg', width: 24, height: 24 },
        hideDocsLink: true,
        dateFormats: { short: clock, common: dayAndClock, full: dayAndClock },
        // It would need CLIENT LIST, which shows the addresses of other clients. The Redis user of the console may not run it.
        showWorkers: false,
      },
    },
  });
  return adapter;
}

/** Each job is named by its keys, and leads to them in the console. */
function boardOf(queue: Queue, readOnlyMode: boolean): BullMQAdapter {
  const board = new BullMQAdapter(queue, {
    readOnlyMode,
    allowRetries: !readOnlyMode,
    externalJobUrl: ({ id }) => ({
      displayText: 'Keys',
      href: `/keys?${new URLSearchParams({ job: `${queue.name}/${id}` })}`,
    }),
  });
  board.setFormatter('name', jobTitle);
  return board;
}

export interface QueueDependencies {
  readonly accounts: Accounts;
  readonly actions: Pick<ActionLog, 'record'>;
  readonly queues: readonly Queue[];
  readonly log: Logger;
}

export function queueRoutes(app: Express, deps: QueueDependencies): void {
  jobRoutes(app, deps);
  app.use(queuesPath, audited(deps.actions, namedAct), actingNeedsAdmin(deps.accounts));
  for (const role of userRoles)
    app.use(queuesPath, queueBoard(role, deps.queues, deps.log).getRouter() as Express);
}
