import type { FollowedChange } from '@catalog/contracts';
import { TokenSigner, type Identity } from './auth/token-signer.ts';
import { Changes, type ChangeBatch, type ChangesOptions } from './changes/changes.ts';
import { LocalCache } from './local-cache.ts';
import { OwnWrites } from './own-writes.ts';
import { Products } from './products/products.ts';
import { StoreSettings } from './settings/store-settings.ts';
import { Deadline, type CallOptions } from './transport/deadline.ts';
import { Transport, type ClientEvents } from './transport/transport.ts';

export interface CatalogClientOptions {
  /** Address of catalog-read, such as `http://catalog-read:4001`. */
  readonly readUrl: string;
  /** Address of catalog-write. Without it this client can only read. */
  readonly writeUrl?: string;
  /** The calling service. Without it no token is sent. */
  readonly identity?: Identity;
  /** For calls that set no timeout of their own. 5 s unless given. */
  readonly timeout_ms?: number;
  /** How many products this process caches and revalidates by ETag. 0 unless given. */
  readonly cacheEntries?: number;
  readonly events?: ClientEvents;
  readonly clock?: { now(): number; monotonic(): number };
}

export interface CatalogClient {
  readonly products: Products;
  readonly settings: StoreSettings;
  /**
   * Every committed change once. It never ends by itself: it resumes after each temporary failure. Needs a key that may
   * grant `catalog:changes`.
   *
   * @throws ChangesGone when it has to begin again with `after: 'snapshot'`, and CatalogProblem for other refusals
   */
  changes(options?: ChangesOptions): AsyncGenerator<FollowedChange>;
  /** The same in batches, with the cursor to store in the transaction of each batch. */
  changeBatches(options?: ChangesOptions): AsyncGenerator<ChangeBatch>;
}

const systemClock = { now: () => Date.now(), monotonic: () => performance.now() };
const defaultTimeout_ms = 5_000;

/** Opens no connection before the first call and needs no closing. One client per process is enough. */
export function createCatalogClient(options: CatalogClientOptions): CatalogClient {
  const { identity, readUrl, writeUrl, cacheEntries = 0, timeout_ms = defaultTimeout_ms } = options;
  const clock = options.clock ?? systemClock;
  const now = () => clock.monotonic();
  const transport = new Transport({
    urls: {
      'catalog-read': withoutSlash(readUrl),
      ...(writeUrl !== undefined && { 'catalog-write': withoutSlash(writeUrl) }),
    },
    signer: identity === undefined ? undefined : new TokenSigner(identity, () => clock.now()),
    events: options.events ?? {},
  });
  const context = {
    transport,
    ownWrites: new OwnWrites(),
    now,
    deadline: (call: CallOptions) => new Deadline(now, call.timeout_ms ?? timeout_ms, call.signal),
  };
  const changes = new Changes(context);
  return {
    changes: (options) => changes.follow(options),
    changeBatches: (options) => changes.batches(options),
    products: new Products({ ...context, cache: new LocalCache(cacheEntries) }),
    settings: new StoreSettings(context, cacheEntries > 0),
  };
}

function withoutSlash(url: string): string {
  return new URL(url).href.replace(/\/$/, '');
}
