import { withDeadline } from '@catalog/runtime';

export interface ReadinessReport {
  readonly ready: boolean;
  /** `ok`, or why not, by name. */
  readonly checks: Readonly<Record<string, string>>;
  /** Problems by name that someone should look at although the service works. */
  readonly warnings: Readonly<Record<string, string>>;
}

export interface Readiness {
  /** The check fails by throwing, or by taking longer than `timeout_ms`. */
  add(name: string, check: () => unknown): void;
  /**
   * The check returns a description of the problem, or undefined. The service stays ready, even if the check fails: a
   * restart or fewer processes would not solve such a problem.
   */
  warn(name: string, check: () => Promise<string | undefined>): void;
  /** The service is stopping: from now on it is not ready, whatever the checks say. */
  drain(): void;
  /** Aborts when the service begins to stop, for answers that have no end of their own. */
  readonly stopping: AbortSignal;
  report(): Promise<ReadinessReport>;
}

class CheckTimeout extends Error {}

export function readiness(options: { timeout_ms?: number } = {}): Readiness {
  // A check that hangs must not keep the orchestrator's probe waiting.
  const timeout_ms = options.timeout_ms ?? 1_000;
  const checks = new Map<string, () => unknown>();
  const warnings = new Map<string, () => Promise<string | undefined>>();
  const stopping = new AbortController();

  const run = async <Answer>(check: () => Promise<Answer>): Promise<Answer | string> => {
    try {
      return await withDeadline(check, { after_ms: timeout_ms, late: () => new CheckTimeout() });
    } catch (error) {
      if (error instanceof CheckTimeout) return `no answer within ${timeout_ms} ms`;
      // Only the kind of failure: the address is public, and a message may name hosts and users.
      const { code, name } = error as { code?: unknown; name?: unknown };
      return `fails: ${typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown'}`;
    }
  };

  return {
    add(name, check) {
      if (checks.has(name)) throw new Error(`readiness check "${name}" is added twice`);
      checks.set(name, check);
    },
    warn(name, check) {
      if (warnings.has(name)) throw new Error(`readiness warning "${name}" is added twice`);
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
