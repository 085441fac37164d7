import {
  cacheKeySchema,
  CatalogError,
  purgeRequestSchema,
  type PurgeRequest,
  type PurgeResult,
} from '@catalog/contracts';
import { parse, type Logger } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
import type { Accounts } from '../accounts/accounts.ts';
import { sendPage } from '../pages/layout.ts';
import { formBody, wantsPage } from '../pages/page-request.ts';
import { requireAdmin, signedIn } from '../sessions/access.ts';
import { purgedPage } from './page.ts';
import type { WorkerClient } from './worker-client.ts';

const { reason } = purgeRequestSchema.shape;

/** A form sends every field, also those of the other choices, so unknown fields are allowed. */
const formSchema = z.discriminatedUnion('what', [
  z.object({ what: z.literal('key'), key: z.string().trim().pipe(cacheKeySchema), reason }),
  z.object({ what: z.literal('entity'), entity: purgeRequestSchema.shape.entity.unwrap(), reason }),
  z.object({
    what: z.literal('all'),
    confirm: z.literal('yes', { error: 'must be ticked to purge everything' }),
    reason,
  }),
]);

function toPurge(form: z.output<typeof formSchema>): { purge: PurgeRequest; what: string } {
  switch (form.what) {
    case 'key':
      return { purge: { key: form.key, reason: form.reason }, what: form.key };
    case 'entity':
      return { purge: { entity: form.entity, reason: form.reason }, what: `Every ${form.entity}` };
    case 'all':
      return { purge: { all: true, reason: form.reason }, what: 'The whole cache' };
  }
}

export function purgeRoutes(
  app: Express,
  { accounts, worker, log }: { accounts: Accounts; worker: WorkerClient; log: Logger },
): void {
  app.post('/purges', requireAdmin({ accounts }), formBody(), async (req, res) => {
    const user = signedIn(res);
    const { purge, what } = toPurge(parse(formSchema, req.body, 'body'));
    const record = { user: user.username, purge };
    let result: PurgeResult;
    try {
      result = await worker.purge(purge, `console:${user.username}`);
    } catch (error) {
      const code = error instanceof CatalogError ? error.code : 'internal_error';
      log.warn({ ...record, code }, 'a purge failed');
      throw error;
    }
    log.info({ ...record, ...result }, 'the cache was purged');
    if (wantsPage(req))
      sendPage(res, 200, { title: 'Purge', main: purgedPage(what, result), signedIn: user });
    else res.json(result);
  });
}
