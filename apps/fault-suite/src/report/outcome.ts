/**
 * What the suite keeps of a row after its judgement: counts, the plot, and the operations that contradict each other. It drops the
 * history, so that a soak of hours needs little memory.
 */
import { staleness, worstOf, type Worst } from '../history/staleness.ts';
import type { Row } from '../rows/row.ts';
import type { RowResult } from '../run-row.ts';
import { timeline } from './timeline.ts';

export interface Outcome {
  readonly row: Row;
  readonly runs: number;
  readonly operations: number;
  /** What the last run observed. */
  readonly observed: readonly string[];
  readonly worst: Worst;
  readonly violations: number;
  /** The invariants that did not hold. */
  readonly violated: readonly string[];
  /** The first violations, as text for a person. */
  readonly story: readonly string[];
  /** SVG of the last run, or of the last run with a violation. */
  readonly plot: string;
}

const shownViolations = 10;

export function outcomeOf(result: RowResult): Outcome {
  const { row, observed, history, violations, fault } = result;
  const points = staleness(history);
  const since = (at_ms: number): string => (at_ms - fault.from_ms).toFixed(0);
  return {
    row,
    runs: 1,
    operations: history.length,
    observed,
    worst: worstOf(history, points),
    violations: violations.length,
    violated: [...new Set(violations.map(({ invariant }) => invariant))],
    story: violations
      .slice(0, shownViolations)
      .flatMap(({ invariant, text, operations }) => [
        `- ${invariant}: ${text}`,
        ...operations.map(
          ({ client, kind, start_ms, end_ms, version, said }) =>
            `  - ${client} ${kind} ${since(start_ms)} … ${since(end_ms)} ms after the fault began: ${version ?? ''} ${said ?? ''}`,
        ),
      ]),
    plot: timeline(result, points),
  };
}

/** Adds a run to the outcome of the runs before. */
export function combine(before: Outcome | undefined, next: Outcome): Outcome {
  if (before === undefined) return next;
  const [a, b] = [before.worst, next.worst];
  return {
    row: next.row,
    runs: before.runs + next.runs,
    operations: before.operations + next.operations,
    observed: next.observed,
    worst: {
      unmarkedStaleness_ms: Math.max(a.unmarkedStaleness_ms, b.unmarkedStaleness_ms),
      markedStale: a.markedStale + b.markedStale,
      failed: a.failed + b.failed,
      refused: a.refused + b.refused,
    },
    violations: before.violations + next.violations,
    violated: [...new Set([...before.violated, ...next.violated])],
    story: [...before.story, ...next.story].slice(0, 100),
    plot: next.violations === 0 && before.violations > 0 ? before.plot : next.plot,
  };
}
