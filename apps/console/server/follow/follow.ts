/** Follows one saved change: the steps that the worker reports, and the first fresh answer of each reader. */
import {
  changeTracesSchema,
  OPERATE_SCOPE,
  PRODUCT,
  SETTINGS,
  SETTINGS_KEY,
  type ShownTrace,
} from '@catalog/contracts';
import type { CallerTurns } from '@catalog/service-kit';
import type { ServiceCaller } from '../services/caller.ts';
import type { ReaderProbe, ReaderView } from './reader-probe.ts';

/** What can be followed. */
export interface Followable {
  /** Its key in the cache. */
  readonly cacheKey: string;
  /** Its address in catalog-read and in catalog-write. */
  readonly path: string;
}

export const followableProduct = (id: string): Followable => ({
  cacheKey: PRODUCT.cacheKey(id),
  path: `/v1/products/${id}`,
});
export const followableSettings: Followable = {
  cacheKey: SETTINGS.cacheKey(SETTINGS_KEY),
  path: '/v1/settings',
};

/** Only looked at: an SKU changes with its product. */
export const pathOfSku = (sku: string): string => `/v1/products/by-sku/${encodeURIComponent(sku)}`;

export interface Followed {
  readonly version: number;
  /** When the console sent the change, on the clock of Postgres, as all times here. */
  readonly sentAtMs: number;
  readonly savedAtMs: number;
  readonly trace: ShownTrace | null;
  readonly readers: readonly { readonly instance: string; readonly freshAtMs: number | null }[];
  readonly views: readonly ReaderView[];
  /** True when nothing more is awaited. */
  readonly isDone: boolean;
  /** Why something is missing. */
  readonly problem: string | null;
}

/** Usually a change is applied within milliseconds. After this time the page stops waiting, and names the steps that are missing. */
const longestFollow_ms = 20_000;
const look_ms = 150;
/** A refresh follows within this time after the change was applied, or there is none. */
const refresh_ms = 1_000;

interface FollowOptions {
  readonly caller: ServiceCaller;
  readonly probe: ReaderProbe;
  readonly of: Followable;
  readonly username: string;
  /** Limits how many looks of one person at traces of the worker run at once. */
  readonly looks: CallerTurns;
  /** Milliseconds by which the clock of Postgres is ahead of the one of this process. */
  readonly clockOffset_ms: number;
  /** May be called twice. */
  readonly onEnd: () => void;
}

const now_ms = (): number => performance.timeOrigin + performance.now();

export class Follow {
  readonly #options: FollowOptions;
  readonly #ended = new AbortController();
  readonly #fresh = new Map<string, number>();
  readonly #sentAt_ms = now_ms();
  #savedAt_ms = 0;
  #version = Number.MAX_SAFE_INTEGER;
  #trace: ShownTrace | null = null;
  #readers: readonly string[] = [];
  #views: readonly ReaderView[] = [];
  #problem: string | null = null;
  #isDone = false;
  readonly #listeners = new Set<() => void>();

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Begins to ask the readers, so that the first fresh answer is not missed. */
  begin(views: readonly ReaderView[]): void {
    const { probe, of } = this.#options;
    this.#readers = views.map(({ instance }) => instance);
    // Also a product that is gone by now has a version.
    const isFresh = (version: number): boolean => version >= this.#version;
    probe
      .untilFresh(of.path, isFresh, (instance, at_ms) => this.#note(instance, at_ms), this.#ended.signal)
      .catch((error: unknown) => {
        // The end breaks off requests that are under way.
        if (!this.#ended.signal.aborted) this.#fail(error);
      });
  }

  /** The change was committed with this version. */
  saved(version: number): void {
    this.#savedAt_ms = now_ms();
    this.#version = version;
    void this.#watch().finally(() => this.end());
  }

  end(): void {
    this.#ended.abort();
    this.#isDone = true;
    this.#tell();
    this.#options.onEnd();
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get state(): Followed {
    const shift = this.#options.clockOffset_ms;
    return {
      version: this.#version,
      sentAtMs: this.#sentAt_ms + shift,
      savedAtMs: this.#savedAt_ms + shift,
      trace: this.#trace,
      readers: this.#readers.map((instance) => {
        const at_ms = this.#fresh.get(instance);
        return { instance, freshAtMs: at_ms === undefined ? null : at_ms + shift };
      }),
      views: this.#views,
      isDone: this.#isDone,
      problem: this.#problem,
    };
  }

  #note(instance: string, at_ms: number): void {
    this.#fresh.set(instance, at_ms);
    this.#tell();
  }

  #fail(error: unknown): void {
    this.#problem = error instanceof Error ? error.message : String(error);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  async #watch(): Promise<void> {
    const giveUpAt_ms = this.#savedAt_ms + longestFollow_ms;
    let appliedSeenAt_ms = Number.POSITIVE_INFINITY;
    while (now_ms() < giveUpAt_ms && !this.#ended.signal.aborted) {
      try {
        this.#trace = (await this.#findTrace()) ?? this.#trace;
        this.#problem = null;
      } catch (error) {
        this.#fail(error);
      }
      if (this.#trace?.appliedAt) appliedSeenAt_ms = Math.min(appliedSeenAt_ms, now_ms());
      const refreshed = Boolean(this.#trace?.refreshedAt) || now_ms() > appliedSeenAt_ms + refresh_ms;
      const allFresh = this.#readers.every((instance) => this.#fresh.has(instance));
      if (refreshed && allFresh && this.#trace?.appliedAt) break;
      this.#tell();
      await new Promise((resolve) => setTimeout(resolve, look_ms));
    }
    // The last look may open other connections to the readers, and close these.
    this.#ended.abort();
    try {
      this.#views = await this.#options.probe.views(this.#options.of.path);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #findTrace(): Promise<ShownTrace | undefined> {
    const { caller, of, username, looks } = this.#options;
    using _turn = await looks.take(username);
    const key = encodeURIComponent(of.cacheKey);
    const response = await caller.call({
      service: 'invalidation-worker',
      method: 'GET',
      path: `/v1/changes?key=${key}`,
      scope: OPERATE_SCOPE,
      username,
      timeout_ms: 5_000,
    });
    if (!response.ok) throw new Error(`the worker answered ${response.status} when asked for the trace`);
    const { data } = changeTracesSchema.parse(await response.json());
    return data.find(({ version }) => version === this.#version);
  }
}
