import type { AuditResult } from '@catalog/contracts';
import type { Difference } from './judgement.ts';

type WrongFor = keyof AuditResult['wrongFor'];
const wrongForSteps: readonly (readonly [WrongFor, number])[] = [
  ['1s', 1_000],
  ['10s', 10_000],
  ['1min', 60_000],
  ['5min', 300_000],
];

/** Counts what an audit finds; one for a pass, and one for the life of the process. */
export class AuditTally {
  readonly #startedAt = new Date();
  readonly #wrong: Record<Difference, number> = { older: 0, newer: 0, other: 0 };
  readonly #wrongFor: Record<WrongFor, number> = { '1s': 0, '10s': 0, '1min': 0, '5min': 0 };
  #right = 0;
  #undecided = 0;
  #repaired = 0;

  right(entries: number): void {
    this.#right += entries;
  }

  undecided(entries: number): void {
    this.#undecided += entries;
  }

  wrong(difference: Difference, age_ms: number): void {
    this.#wrong[difference] += 1;
    for (const [step, from_ms] of wrongForSteps) if (age_ms >= from_ms) this.#wrongFor[step] += 1;
  }

  repaired(): void {
    this.#repaired += 1;
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
      wrongFor: { ...this.#wrongFor },
      nines: this.nines,
    };
  }

  get #wrongTotal(): number {
    return this.#wrong.older + this.#wrong.newer + this.#wrong.other;
  }
}

/**
 * How many nines of the entries were right: 2 for 99 %. None wrong in n does not mean that none ever is: at 95 % it means
 * at most 3 in n (the "rule of three"), and no more is claimed.
 */
export function ninesOf(checked: number, wrong: number): number {
  if (checked === 0) return 0;
  const part = Math.min(1, Math.max(wrong, 3) / checked);
  return Math.round(-Math.log10(part) * 100) / 100 + 0;
}
