/** The sessions of the person who asks. Nobody sees the sessions of others. */
import { CatalogError } from '@catalog/contracts';
import { parse } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
import type { ActionLog } from '../audit-log/action-log.ts';
import { audited, noteActed } from '../audit-log/audited.ts';
import { signedIn } from './access.ts';
import { sessionName, type SessionStore } from './session-store.ts';

const params = z.object({
  name: z
    .string()
    .regex(/^[\w-]{43}$/, { error: 'must be the name of a session, as GET /api/sessions shows it' }),
});

export function sessionRoutes(
  app: Express,
  { sessions, actions }: { sessions: SessionStore; actions: Pick<ActionLog, 'record'> },
): void {
  app.get('/api/sessions', async (req, res) => {
    const { accountId: id, passwordChangedAt } = signedIn(res);
    const own = sessionName(req.sessionID);
    const open = await sessions.ofUser({ id, passwordChangedAt });
    res.json({ data: open.map((session) => ({ ...session, isThis: session.name === own })) });
  });

  app.delete('/api/sessions', audited(actions, 'session.end-others'), async (req, res) => {
    const ended = await sessions.endAll(signedIn(res).accountId, sessionName(req.sessionID));
    res.json({ ended });
  });

  app.delete('/api/sessions/:name', audited(actions, 'session.end'), async (req, res) => {
    const { name } = parse(params, req.params, 'params');
    const { accountId: id, passwordChangedAt } = signedIn(res);
    const session = (await sessions.ofUser({ id, passwordChangedAt })).find((one) => one.name === name);
    noteActed(res, { target: session?.browser ?? 'a session that is not theirs, or has ended' });
    if (session === undefined)
      throw new CatalogError('not_found', 'You have no such session. It may have ended already.');
    await sessions.end(id, [name]);
    res.status(204).end();
  });
}
