import { type AuditResult, maxWrongEntries, type WrongEntry } from '@catalog/contracts';
import type { Difference } from './judgement.ts';

const wrongForSteps_s = [1, 10, 60, 300] as const;

/** Counts what an audit finds: one for each pass, and one for the whole process. */
export class AuditTally {
  readonly #startedAt = new Date();
  readonly #wrong: Record<Difference, number> = { older: 0, newer: 0, other: 0 };
  readonly #wrongFor = new Map<number, number>(wrongForSteps_s.map((step_s) => [step_s, 0]));
  #right = 0;
  #undecided = 0;
  #repaired = 0;
  /** The newest first. */
  #entries: readonly WrongEntry[] = [];

  right(entries: number): void {
    this.#right += entries;
  }

  undecided(entries: number): void {
    this.#undecided += entries;
  }

  wrong(entry: WrongEntry, age_ms: number): void {
    this.#wrong[entry.difference] += 1;
    if (entry.isRepaired) this.#repaired += 1;
    this.#entries = withNewest(entry, this.#entries);
    for (const [step_s, entries] of this.#wrongFor)
      if (age_ms >= step_s * 1_000) this.#wrongFor.set(step_s, entries + 1);
  }

  get nines(): number {
    return ninesOf(this.#right + this.#wrongTotal, this.#wrongTotal);
  }

  result(): AuditResult {
    return {
      startedAt: this.#startedAt.toISOString(),
      finishedAt: new Date().toISOString(),
      checked: this.#right + this.#wrongTotal + this.#undecided,
      right: this.#right,
      wrong: { ...this.#wrong },
      undecided: this.#undecided,
      repaired: this.#repaired,
      wrongFor: [...this.#wrongFor].map(([atLeastSeconds, entries]) => ({ atLeastSeconds, entries })),
      nines: this.nines,
      entries: [...this.#entries],
    };
  }

  get #wrongTotal(): number {
    return this.#wrong.older + this.#wrong.newer + this.#wrong.other;
  }
}

/** Puts a wrong entry before those that were found earlier. */
export const withNewest = (entry: WrongEntry, entries: readonly WrongEntry[]): readonly WrongEntry[] =>
  [entry, ...entries].slice(0, maxWrongEntries);

/**
 * Nines of the part of entries that were right: 2 for 99 %. When none of n entries was wrong, at most 3 in n are wrong at 95 %
 * confidence (the "rule of three"). The result claims no more than that.
 */
export function ninesOf(checked: number, wrong: number): number {
  if (checked === 0) return 0;
  const part = Math.min(1, Math.max(wrong, 3) / checked);
  return Math.round(-Math.log10(part) * 100) / 100 + 0;
}
