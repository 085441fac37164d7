/** What `GET /api/state` answers. */
export interface SystemState {
  readonly atMs: number;
  readonly services: readonly ServiceState[];
  readonly stores: StoreTimes;
  readonly readers: readonly ReaderState[];
  readonly queues: readonly QueueState[];
  readonly feed: {
    readonly watermarkAgeSeconds?: number;
    readonly unapplied?: number;
    readonly oldestUnappliedSeconds?: number;
    readonly wrongEntries?: number;
    readonly nines?: number;
    readonly nearEntries?: number;
    readonly freshP50Ms?: number;
    readonly freshP99Ms?: number;
    readonly wentBack?: { readonly timeline: 'same' | 'other'; readonly atMs: number };
  };
  /** Events per second. */
  readonly rates: Readonly<
    Partial<Record<'reads' | 'writes' | 'applied' | 'loaded' | 'near' | 'redis' | 'postgres', number>>
  >;
}

/** null: it does not answer. Absent: the console does not ask it. */
export type StoreTimes = Readonly<
  Partial<Record<'postgresMs' | 'cacheRedisMs' | 'stateRedisMs', number | null>>
>;

/** One process of catalog-read. */
export interface ReaderState {
  readonly name: string;
  /** False while it does not trust its near cache. */
  readonly isSound: boolean;
  readonly watermarkAgeSeconds: number | null;
  readonly nearEntries: number;
}

export interface ServiceState {
  readonly name: string;
  readonly state: 'ready' | 'not ready' | 'no answer';
  /** What its checks say, by name. */
  readonly failing: Readonly<Record<string, string>>;
  readonly answeredInMs: number;
  readonly sinceMs: number;
}

export interface QueueState {
  readonly name: string;
  readonly counts?: Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed' | 'completed', number>>;
  readonly paused?: { readonly by?: string; readonly sinceMs?: number };
  /** The newest of the failed jobs that are kept. */
  readonly lastFailure?: { readonly reason: string; readonly atMs: number };
}
