import type { Clock, Logger } from '@catalog/service-kit';

/** Longer than the pause between two attempts of every part that tries again within seconds. */
const quiet_ms = 10_000;
/** Kinds of failures that one outage may log for a part. A few are of use; a message with a changing text is not. */
const loggedKinds = 5;

/** Takes the failures of one part, which goes on working. */
export type ReportFailure = (error: unknown) => void;

/** Makes the reporter of a part. `tries_ms`: the pause between two attempts of that part, if it is longer than a second. */
export type FailureReporter = (part: string, options?: { readonly tries_ms?: number }) => ReportFailure;

interface FailureReporterOptions {
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly clock: Clock;
  /** Counts each failure. */
  readonly count: (part: string) => void;
}

interface Outage {
  readonly began_ms: number;
  readonly kinds: Set<string>;
  failures: number;
  timer: unknown;
}

/**
 * Logs an outage, not each failure: one line when a part begins to fail, and one with the count when it has not failed for a
 * while. A store that is away makes each part fail several times a second. A failure of another kind gets a line of its own,
 * so that an outage hides no bug.
 */
export function failureReporter({ log, clock, count }: FailureReporterOptions): FailureReporter {
  return (part, { tries_ms = 0 } = {}) => {
    let outage: Outage | undefined;
    const end = () => {
      if (outage === undefined) return;
      const { failures, began_ms } = outage;
      log.info(
        { part, failures, seconds: Math.round((clock.monotonic() - began_ms) / 1_000) },
        'the part works again',
      );
      outage = undefined;
    };
    return (error) => {
      count(part);
      outage ??= { began_ms: clock.monotonic(), kinds: new Set(), failures: 0, timer: undefined };
      outage.failures += 1;
      const kind = kindOf(error);
      if (!outage.kinds.has(kind) && outage.kinds.size < loggedKinds) {
        outage.kinds.add(kind);
        log.warn({ err: error, part }, 'a part fails, and tries again');
      }
      clock.clearTimeout(outage.timer);
      outage.timer = clock.setTimeout(end, Math.max(quiet_ms, 2 * tries_ms));
    };
  };
}

function kindOf(error: unknown): string {
  const { code, name, message } = error as { code?: unknown; name?: unknown; message?: unknown };
  if (typeof code === 'string') return code;
  // The first word of what Redis answers is its code. Other messages are told apart up to their first figure.
  return `${String(name)} ${String(message).split(/\d/)[0]}`;
}
