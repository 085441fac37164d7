/** The list of live changes. It begins with changes that were applied before the page was opened. */
import type { Trace } from '../keys/traces.ts';

export type ChangeRow =
  | { readonly trace: Trace }
  /** `at` only tells notes apart. */
  | { readonly note: string; readonly at: number };

export interface ChangeList {
  /** The newest first. */
  readonly rows: readonly ChangeRow[];
  /** What arrives while the list is paused; undefined while it is not. */
  readonly held: readonly ChangeRow[] | undefined;
}

export const emptyList: ChangeList = { rows: [], held: undefined };

/** More rows nobody reads. */
const mostRows = 500;

/** A change is applied twice if its acknowledgement was lost. It is also in what the page has loaded, if it came at the same time. */
export function withRow(list: ChangeList, row: ChangeRow): ChangeList {
  if ('trace' in row && seqsOf(list).has(row.trace.seq)) return list;
  const { rows, held } = list;
  if (held === undefined) return { rows: [row, ...rows].slice(0, mostRows), held };
  return { rows, held: [row, ...held].slice(0, mostRows) };
}

/** Puts changes in their places by time, except those that the list has. */
export function withLatest(list: ChangeList, latest: readonly Trace[]): ChangeList {
  const known = seqsOf(list);
  const missing = latest.filter(({ seq }) => !known.has(seq));
  if (missing.length === 0) return list;
  const filled = [...(list.held ?? list.rows)];
  for (const trace of missing) {
    const at = filled.findIndex((row) => 'trace' in row && appliedAt_ms(row.trace) < appliedAt_ms(trace));
    filled.splice(at === -1 ? filled.length : at, 0, { trace });
  }
  const rows = filled.slice(0, mostRows);
  return list.held === undefined ? { rows, held: undefined } : { rows: list.rows, held: rows };
}

export function withRefreshed({ rows, held }: ChangeList, seq: number, refreshedAt: string): ChangeList {
  const mark = (row: ChangeRow): ChangeRow =>
    'trace' in row && row.trace.seq === seq ? { trace: { ...row.trace, refreshedAt } } : row;
  return { rows: rows.map(mark), held: held?.map(mark) };
}

/** Pauses the list, or goes on with what has arrived meanwhile. */
export function pausedOrNot({ rows, held }: ChangeList): ChangeList {
  if (held === undefined) return { rows, held: [] };
  return { rows: [...held, ...rows].slice(0, mostRows), held: undefined };
}

export const tracesIn = (rows: readonly ChangeRow[]): Trace[] =>
  rows.flatMap((row) => ('trace' in row ? [row.trace] : []));

const seqsOf = ({ rows, held = [] }: ChangeList): ReadonlySet<number> =>
  new Set([...tracesIn(rows), ...tracesIn(held)].map(({ seq }) => seq));

const appliedAt_ms = ({ appliedAt, changedAt }: Trace): number => Date.parse(appliedAt ?? changedAt);
