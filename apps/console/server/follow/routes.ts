import { CatalogError, productIdSchema, versionSchema } from '@catalog/contracts';
import { parse, readBody, type Logger } from '@catalog/service-kit';
import type { Express } from 'express';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Accounts } from '../accounts/accounts.ts';
import type { ActionLog } from '../audit-log/action-log.ts';
import { audited, noteActed } from '../audit-log/audited.ts';
import { BrowserStream, sessionStands } from '../live/browser-stream.ts';
import type { ServiceCaller } from '../services/caller.ts';
import { chosenHeaders, passOn } from '../services/forward.ts';
import { requireRole, signedIn } from '../sessions/access.ts';
import { Follow, longestFollow_ms } from './follow.ts';
import type { ReaderProbe } from './reader-probe.ts';

export interface FollowDependencies {
  readonly caller: ServiceCaller;
  readonly accounts: Pick<Accounts, 'find'>;
  readonly log: Logger;
  readonly actions: Pick<ActionLog, 'record'>;
  /** By how much the clock of Postgres is ahead. */
  readonly clockOffset_ms: () => Promise<number>;
  /** Finds and asks the readers for one person. */
  readonly probe: (username: string) => ReaderProbe;
}

const params = z.object({ id: productIdSchema });
const followParams = z.object({
  id: productIdSchema,
  version: z.string().transform(Number).pipe(versionSchema),
});
/** The largest product: 100 attributes of 1,000 characters and a description. */
const mostBodyBytes = 1024 * 1024;

/** Saves a product, and follows the change into every cache. */
export function followRoutes(app: Express, deps: FollowDependencies): void {
  const { caller, accounts, actions } = deps;
  const follows = new LRUCache<string, Follow>({ max: 500, ttl: 5 * 60_000 });

  const guards = [audited(actions, 'product.update'), requireRole('editor', { accounts })];

  app.patch('/api/products/:id', ...guards, async (req, res) => {
    const { id } = parse(params, req.params, 'params');
    const { username } = signedIn(res);
    const body = Buffer.from(await readBody(req, mostBodyBytes));
    noteActed(res, { target: id, detail: jsonOf(body) });
    const follow = req.get('Follow') === 'true' ? await beginToFollow(deps, id, username) : undefined;
    try {
      const response = await caller.call({
        service: 'catalog-write',
        method: 'PATCH',
        path: `/v1/products/${id}`,
        scope: 'catalog:write',
        username,
        headers: chosenHeaders(req),
        body,
      });
      const version = Number(response.headers.get('catalog-version') ?? 0);
      if (follow !== undefined && response.ok) {
        follow.saved(version);
        follows.set(`${id} ${version}`, follow);
      } else follow?.end();
      await passOn(response, res);
    } catch (error) {
      follow?.end();
      throw error;
    }
  });

  app.get('/api/products/:id/follow/:version', (req, res) => {
    const { id, version } = parse(followParams, req.params, 'params');
    const follow = follows.get(`${id} ${version}`);
    if (follow === undefined)
      throw new CatalogError('not_found', 'This change is not followed, or was more than 5 minutes ago.');
    const stream = new BrowserStream(res, sessionStands(req));
    const send = (): void => {
      const { state } = follow;
      stream.send({ event: 'followed', data: JSON.stringify(state) });
      if (state.isDone) stream.end();
    };
    const unlisten = follow.listen(send);
    res.on('close', unlisten);
    send();
  });

  /** The key as Postgres, Redis and every reader hold it. */
  app.get('/api/products/:id/readers', async (req, res) => {
    const { id } = parse(params, req.params, 'params');
    const probe = deps.probe(signedIn(res).username);
    try {
      res.json({ data: await probe.views(id) });
    } catch (cause) {
      throw new CatalogError('unavailable', 'The service catalog-read does not answer.', {
        retryAfterSeconds: 1,
        cause,
      });
    } finally {
      probe.close();
    }
  });
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** A change is saved even while nobody can be asked to follow it. */
async function beginToFollow(
  { caller, clockOffset_ms, probe: createProbe, log }: FollowDependencies,
  productId: string,
  username: string,
): Promise<Follow | undefined> {
  const probe = createProbe(username);
  try {
    const [views, offset_ms] = await Promise.all([probe.views(productId), clockOffset_ms()]);
    const follow = new Follow({ caller, probe, productId, username, clockOffset_ms: offset_ms });
    follow.begin(views);
    setTimeout(() => probe.close(), longestFollow_ms + 5_000).unref();
    return follow;
  } catch (error) {
    probe.close();
    log.warn({ err: error }, 'a change cannot be followed');
    return undefined;
  }
}
