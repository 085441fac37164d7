import type { Model } from './model.ts';
import { search } from './search.ts';

export interface Claim {
  readonly name: string;
  /** Called once a search, so that the memory of one model is free before the next begins. */
  readonly createModel: () => Model<unknown>;
}

/** A proof: claims must hold in every state, and each control must break a rule, or the search would prove nothing. */
export interface Proof {
  readonly title: string;
  readonly claims: readonly Claim[];
  readonly controls: readonly Claim[];
}

const MAX_STATES = 30_000_000;

/** Searches all states of every claim and control and prints the results. Returns whether all are as they must be. */
export function prove({ title, claims, controls }: Proof, print = console.log): boolean {
  let states = 0;
  let failures = 0;

  function check({ name, createModel }: Claim, mustHold: boolean): void {
    const started_ms = performance.now();
    const result = search(createModel(), { maxStates: MAX_STATES });
    const time_s = ((performance.now() - started_ms) / 1000).toFixed(1);
    const isRight = result.complete && (result.violations === 0) === mustHold;
    states += result.states;
    if (!isRight) failures += 1;
    const counts = `${result.states.toLocaleString('en')} states, ${result.steps.toLocaleString('en')} steps`;
    const limit = result.complete ? '' : '; the search stopped at its limit, so this proves nothing';
    const broken = result.violations.toLocaleString('en');
    const verdict = result.violations === 0 ? 'no state breaks a rule' : `${broken} states break a rule`;
    print(`${isRight ? '✔' : '✖ WRONG:'} ${name}\n    ${counts} in ${time_s} s: ${verdict}${limit}`);
    for (const line of result.story ?? []) print(`      ${line}`);
  }

  print(`${title}\n\nClaims: no state that any order of events reaches breaks a rule.\n`);
  for (const claim of claims) check(claim, true);
  print('\nControls: plausible alternatives. Each breaks a rule; the shortest schedule shows how.\n');
  for (const control of controls) check(control, false);
  const summary = failures === 0 ? 'every result is as expected' : `${failures} results are WRONG`;
  print(`\n${states.toLocaleString('en')} states searched; ${summary}.\n`);
  return failures === 0;
}
