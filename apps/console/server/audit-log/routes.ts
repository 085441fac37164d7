import { pageLimitSchema } from '@catalog/contracts';
import { CallerTurns, parse } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
import { signedIn } from '../sessions/access.ts';
import type { ActionLog } from './action-log.ts';

const query = z.strictObject({
  limit: pageLimitSchema,
  cursor: z.uuid().optional(),
  user: z.string().max(64).optional(),
  kind: z
    .string()
    .regex(/^[a-z]{1,20}$/, { error: 'must be a word such as product' })
    .optional(),
});

/** Of one person. The console has four connections to Postgres, and a page may have to go through a year of actions. */
const pageLimits = { what: 'pages of the audit log', atOnce: 1, waiting: 20, wait_ms: 5_000 } as const;

export function auditLogRoutes(app: Express, { actions }: { actions: ActionLog }): void {
  const turns = new CallerTurns(pageLimits);
  app.get('/api/actions', async (req, res) => {
    const { limit, cursor, user, kind } = parse(query, req.query, 'query');
    using _turn = await turns.take(signedIn(res).username);
    const found = await actions.page({ before: cursor, user, kind, limit });
    const data = found.slice(0, limit);
    res.json({ data, page: { nextCursor: found.length > limit ? data.at(-1)?.id : null } });
  });
}
