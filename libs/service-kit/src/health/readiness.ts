export interface ReadinessReport {
  readonly ready: boolean;
  /** `ok`, or why not, by name. */
  readonly checks: Readonly<Record<string, string>>;
  /** What somebody should look at although the service does its work, by name. */
  readonly warnings: Readonly<Record<string, string>>;
}

export interface Readiness {
  /** The check fails by throwing, or by taking longer than `timeout_ms`. */
  add(name: string, check: () => unknown): void;
  /**
   * The check answers with what is the matter, or undefined. It changes nothing about whether the service is ready, also
   * when it fails: the matter is not one that fewer processes or a restart would help.
   */
  warn(name: string, check: () => Promise<string | undefined>): void;
  /** From now on not ready, whatever the checks say: the service is stopping. */
  drain(): void;
  /** Aborts when the service begins to stop, for answers that have no end of their own. */
  readonly stopping: AbortSignal;
  report(): Promise<ReadinessReport>;
}

export function readiness(options: { timeout_ms?: number } = {}): Readiness {
  // A probe that hangs must not make the prober wait longer than it does itself.
  const timeout_ms = options.timeout_ms ?? 1_000;
  const checks = new Map<string, () => unknown>();
  const warnings = new Map<string, () => Promise<string | undefined>>();
  const stopping = new AbortController();

  const run = async <Answer>(check: () => Promise<Answer>): Promise<Answer | string> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, timeout_ms, `no answer within ${timeout_ms} ms`);
    });
    try {
      return await Promise.race([check(), late]);
    } catch (error) {
      // Only the kind of failure: the address is public, a message may name hosts and users.
      const { code, name } = error as { code?: unknown; name?: unknown };
      return `fails: ${typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown'}`;
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    add(name, check) {
      if (checks.has(name)) throw new Error(`there is a readiness check "${name}" already`);
      checks.set(name, check);
    },
    warn(name, check) {
      if (warnings.has(name)) throw new Error(`there is a warning "${name}" already`);
      warnings.set(name, check);
    },
    drain() {
      stopping.abort();
    },
    stopping: stopping.signal,
    async report() {
      if (stopping.signal.aborted)
        return { ready: false, checks: { drain: 'the service is stopping' }, warnings: {} };
      const passes = async (check: () => unknown): Promise<string> => {
        await check();
        return 'ok';
      };
      const [answers, warned] = await Promise.all([
        Promise.all(
          [...checks].map(async ([name, check]) => [name, await run(() => passes(check))] as const),
        ),
        Promise.all([...warnings].map(async ([name, check]) => [name, await run(check)] as const)),
      ]);
      return {
        ready: answers.every(([, answer]) => answer === 'ok'),
        checks: Object.fromEntries(answers),
        warnings: Object.fromEntries(
          warned.flatMap(([name, answer]) => (answer === undefined ? [] : [[name, answer]])),
        ),
      };
    },
  };
}
