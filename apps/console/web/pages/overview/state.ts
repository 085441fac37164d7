/** What `GET /api/state` answers. */
export interface SystemState {
  readonly atMs: number;
  readonly services: readonly ServiceState[];
  readonly queues: readonly QueueState[];
  readonly feed: {
    readonly watermarkAgeSeconds?: number;
    readonly unapplied?: number;
    readonly oldestUnappliedSeconds?: number;
    readonly wrongEntries?: number;
    readonly nines?: number;
    readonly nearEntries?: number;
  };
  /** Events per second. */
  readonly rates: Readonly<Partial<Record<'reads' | 'writes' | 'applied' | 'loaded', number>>>;
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
}
