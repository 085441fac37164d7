import { CatalogError, productIdSchema, skuSchema, versionSchema } from '@catalog/contracts';
import { CallerPlaces, type CallerTurns, parse, readBody, type Logger } from '@catalog/service-kit';
import type { Express, Request, Response } from 'express';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Accounts } from '../accounts/accounts.ts';
import type { ActionLog } from '../audit-log/action-log.ts';
import { audited, noteActed } from '../audit-log/audited.ts';
import { sentJson } from '../audit-log/sent-json.ts';
import { BrowserStream } from '../live/browser-stream.ts';
import type { ServiceCaller } from '../services/caller.ts';
import { chosenHeaders, passOn } from '../services/forward.ts';
import { requireRole, signedIn } from '../sessions/access.ts';
import { Follow, followableProduct, followableSettings, pathOfSku, type Followable } from './follow.ts';
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
  /** Places for open streams. */
  readonly streams: CallerPlaces;
  /** Limits how many looks of one person run at once: at traces of the worker, and at what the readers hold. */
  readonly looks: CallerTurns;
  /** Limits how many saves of one person run at once. */
  readonly changes: CallerTurns;
}

/**
 * Changes of one person that are followed at once. Each has a connection to every reader, and asks the readers and the worker again and
 * again: for 20 s if the worker keeps no trace of it, as of a save that changes nothing. A page follows its last save only.
 */
export const followLimits = { what: 'followed changes', mostPerCaller: 3, retryAfter_s: 20 } as const;

const params = z.object({ id: productIdSchema });
const skuParams = z.object({ sku: skuSchema });
const versions = z.object({ version: z.string().transform(Number).pipe(versionSchema) });
/** As catalog-write reads. The largest product, 100 attributes of 1,000 characters and a description, has about 115 KiB. */
const mostBodyBytes = 256 * 1024;

interface FollowedRoute {
  /** The address in the console. Below it are `/follow/:version` and `/readers`. */
  readonly at: string;
  readonly role: 'editor' | 'admin';
  readonly action: string;
  readonly of: (req: Request) => Followable;
}

const followed: readonly FollowedRoute[] = [
  {
    at: '/api/products/:id',
    role: 'editor',
    action: 'product.update',
    of: (req) => followableProduct(parse(params, req.params, 'params').id),
  },
  { at: '/api/settings', role: 'admin', action: 'settings.update', of: () => followableSettings },
];

/** Saves a product or the settings, and follows the change into every cache. */
export function followRoutes(app: Express, deps: FollowDependencies): void {
  const follows = new LRUCache<string, Follow>({ max: 500, ttl: 5 * 60_000 });
  const places = new CallerPlaces(followLimits);
  const idle = idleProbes();
  for (const route of followed) {
    const guards = [audited(deps.actions, route.action), requireRole(route.role, deps)];
    app.patch(route.at, ...guards, (req, res) => save({ ...deps, places }, follows, route.of(req), req, res));
    app.get(`${route.at}/follow/:version`, (req, res) =>
      sendFollowed(deps, follows, route.of(req), req, res),
    );
    app.get(`${route.at}/readers`, (req, res) => sendReaders(deps, idle, route.of(req).path, res));
  }
  app.get('/api/products/by-sku/:sku/readers', (req, res) =>
    sendReaders(deps, idle, pathOfSku(parse(skuParams, req.params, 'params').sku), res),
  );
}

const nameOf = ({ cacheKey }: Followable, version: number): string => `${cacheKey} ${version}`;

async function save(
  deps: FollowDependencies & { readonly places: CallerPlaces },
  follows: LRUCache<string, Follow>,
  of: Followable,
  req: Request,
  res: Response,
): Promise<void> {
  const { username } = signedIn(res);
  const body = Buffer.from(await readBody(req, mostBodyBytes));
  noteActed(res, { detail: sentJson(body) });
  using _turn = await deps.changes.take(username);
  const follow = req.get('Follow') === 'true' ? await beginToFollow(deps, of, username) : undefined;
  try {
    const response = await deps.caller.call({
      service: 'catalog-write',
      method: 'PATCH',
      path: of.path,
      scope: 'catalog:write',
      username,
      headers: chosenHeaders(req),
      body,
    });
    const version = Number(response.headers.get('catalog-version') ?? 0);
    if (follow !== undefined && response.ok) {
      follow.saved(version);
      follows.set(nameOf(of, version), follow);
    } else follow?.end();
    await passOn(response, res);
  } catch (error) {
    follow?.end();
    throw error;
  }
}

function sendFollowed(
  { streams }: FollowDependencies,
  follows: LRUCache<string, Follow>,
  of: Followable,
  req: Request,
  res: Response,
): void {
  const { version } = parse(versions, req.params, 'params');
  const follow = follows.get(nameOf(of, version));
  if (follow === undefined)
    throw new CatalogError('not_found', 'This change is not followed, or was more than 5 minutes ago.');
  const { accountId, isStillSignedIn } = signedIn(res);
  const place = streams.take(accountId);
  const stream = new BrowserStream(res, isStillSignedIn);
  const send = (): void => {
    const { state } = follow;
    stream.send({ event: 'followed', data: JSON.stringify(state) });
    if (state.isDone) stream.end();
  };
  const unlisten = follow.listen(send);
  res.on('close', () => {
    unlisten();
    place[Symbol.dispose]();
  });
  send();
}

/** By person. To find every process takes many connections, and an open page asks every few seconds. */
const idleProbes = (): LRUCache<string, ReaderProbe> =>
  new LRUCache({
    max: 50,
    ttl: 5_000,
    ttlAutopurge: true,
    dispose(probe, _username, reason) {
      // One that is taken out is in use.
      if (reason !== 'delete') probe.close();
    },
  });

/** The key as Postgres, Redis and every reader hold it. */
async function sendReaders(
  deps: FollowDependencies,
  idle: LRUCache<string, ReaderProbe>,
  path: string,
  res: Response,
): Promise<void> {
  const { username } = signedIn(res);
  using _turn = await deps.looks.take(username);
  const probe = idle.get(username) ?? deps.probe(username);
  idle.delete(username);
  try {
    res.json({ data: await probe.views(path) });
    idle.set(username, probe);
  } catch (cause) {
    probe.close();
    throw new CatalogError('unavailable', 'The service catalog-read does not answer.', {
      retryAfterSeconds: 1,
      cause,
    });
  }
}

/** A change is saved even while nobody can be asked to follow it, or the person follows too many. */
async function beginToFollow(
  deps: FollowDependencies & { readonly places: CallerPlaces },
  of: Followable,
  username: string,
): Promise<Follow | undefined> {
  const { caller, clockOffset_ms, looks, places, log } = deps;
  const probe = deps.probe(username);
  let place: Disposable | undefined;
  const onEnd = (): void => {
    probe.close();
    place?.[Symbol.dispose]();
  };
  try {
    place = places.take(username);
    const [views, offset_ms] = await Promise.all([probe.views(of.path), clockOffset_ms()]);
    const follow = new Follow({ caller, probe, of, username, looks, clockOffset_ms: offset_ms, onEnd });
    follow.begin(views);
    return follow;
  } catch (error) {
    onEnd();
    log.warn({ err: error }, 'a change cannot be followed');
    return undefined;
  }
}
