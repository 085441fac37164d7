import { pageLimitSchema } from '@catalog/contracts';
import { parse } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
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

export function auditLogRoutes(app: Express, { actions }: { actions: ActionLog }): void {
  app.get('/api/actions', async (req, res) => {
    const { limit, cursor, user, kind } = parse(query, req.query, 'query');
    const found = await actions.page({ before: cursor, user, kind, limit });
    const data = found.slice(0, limit);
    res.json({ data, page: { nextCursor: found.length > limit ? data.at(-1)?.id : null } });
  });
}
