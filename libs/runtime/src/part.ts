/**
 * Something that runs in a process until it is told to stop: a loop, a listener, a server.
 *
 * `run` works until the signal aborts. Then it ends what it has begun, releases its timers, sockets and locks, and
 * resolves. It rejects only when it cannot go on. If a later attempt may succeed, the part tries again by itself.
 * One part runs once at a time. It may run again after it has ended.
 */
export interface Part {
  run(signal: AbortSignal): Promise<void>;
}

export interface RunningPart extends AsyncDisposable {
  /** Settles as `run` does. */
  readonly ended: Promise<void>;
  /** Tells the part to stop, and settles when it has ended. */
  stop(): Promise<void>;
}

export function startPart(part: Part): RunningPart {
  const controller = new AbortController();
  const ended = part.run(controller.signal);
  // Callers that wait for `ended` or `stop` get the failure. Without this line Node ends the process if nobody waits yet.
  ended.catch(() => undefined);
  const stop = () => {
    controller.abort();
    return ended;
  };
  return { ended, stop, [Symbol.asyncDispose]: stop };
}

/**
 * Several parts as one. When one of them ends before it was told to, or fails, the others are told to stop.
 *
 * @throws the first failure, when all have ended
 */
export function together(...parts: readonly Part[]): Part {
  return {
    async run(signal) {
      const controller = new AbortController();
      const both = AbortSignal.any([signal, controller.signal]);
      const runs = parts.map(async (part) => {
        try {
          await part.run(both);
        } finally {
          controller.abort();
        }
      });
      const results = await Promise.allSettled(runs);
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}
