/** What `GET /api/state` answers. */
export interface SystemState {
  readonly at_ms: number;
  readonly services: readonly ServiceState[];
  readonly queues: readonly QueueState[];
  readonly feed: {
    readonly watermarkAge_s?: number;
    readonly unapplied?: number;
    readonly oldestUnapplied_s?: number;
  };
}

export interface ServiceState {
  readonly name: string;
  readonly state: 'ready' | 'not ready' | 'no answer';
  readonly failing: readonly string[];
  readonly answeredIn_ms: number;
}

export interface QueueState {
  readonly name: string;
  readonly counts?: Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed' | 'completed', number>>;
}
