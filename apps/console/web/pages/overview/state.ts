/** What `GET /api/state` answers. */
export interface SystemState {
  readonly at_ms: number;
  readonly services: readonly ServiceState[];
  readonly queues: readonly QueueState[];
  readonly feed: {
    readonly watermarkAge_s?: number;
    readonly unapplied?: number;
    readonly oldestUnapplied_s?: number;
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
  readonly answeredIn_ms: number;
  readonly since_ms: number;
}

export interface QueueState {
  readonly name: string;
  readonly counts?: Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed' | 'completed', number>>;
  readonly paused?: { readonly by?: string; readonly since_ms?: number };
}
