/**
 * `npm run prove`: walks every schedule of the entry protocol to the end, and shows the schedule that refutes each
 * control. Ends with 1 if a claim does not hold, or a control is not refuted.
 */
import { type Claim, claims, controls } from './claims.ts';
import { search } from './state-search.ts';
import { Walk } from './walk.ts';

const MAX_STATES = 30_000_000;
let failures = 0;
let states = 0;

function walk({ name, options }: Claim, mustHold: boolean): void {
  const started = performance.now();
  const result = search(new Walk(options), { maxStates: MAX_STATES });
  const took_s = ((performance.now() - started) / 1000).toFixed(1);
  const isRight = result.complete && (result.violations === 0) === mustHold;
  states += result.states;
  if (!isRight) failures += 1;
  const counts = `${result.states.toLocaleString('en')} states, ${result.steps.toLocaleString('en')} steps`;
  const verdict = mustHold ? 'none breaks a rule' : `${result.violations} break a rule`;
  const end = result.complete ? '' : ', NOT ALL OF THEM';
  const outcome = isRight ? verdict : `WRONG: ${result.violations} break a rule`;
  console.log(`${isRight ? '✔' : '✖'} ${name}\n    ${counts}${end} (${took_s} s): ${outcome}`);
  for (const line of result.story ?? []) console.log(`      ${line}`);
}

console.log('What holds, in every state that any schedule leads to:\n');
for (const claim of claims) walk(claim, true);
console.log('\nWhat does not, each with a shortest schedule that shows it:\n');
for (const control of controls) walk(control, false);
console.log(
  `\n${states.toLocaleString('en')} states; ${failures === 0 ? 'all as it must be' : `${failures} WRONG`}`,
);
process.exitCode = failures === 0 ? 0 : 1;
