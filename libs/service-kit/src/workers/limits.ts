import { backoff } from '@catalog/runtime';

export const workerLimits = {
  /** A worker that dies at once must not keep a core busy with starts. */
  restartDelay_ms: backoff({ first_ms: 100, most_ms: 10_000 }),
  /** A worker that ran for this long begins again with the shortest delay. */
  stable_ms: 10_000,
  /** A bit more than a readiness check may take, so that its own message arrives. */
  answer_ms: 1_500,
  /** For connections that are on their way to a worker when the service stops. */
  handOver_ms: 500,
  /** A worker drains in 8 s at most. Then it stops its other parts. The primary must end within its own 9 s. */
  stop_ms: 8_500,
  /** A worker takes a connection within a millisecond, unless it is paused or does nothing but compute. */
  stuck_ms: 1_000,
  /** Without any worker, this many connections wait for one. */
  waitingConnections: 1_000,
} as const;
