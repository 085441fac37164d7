import type { Model, StateCode } from './model.ts';
import { StateSet } from './state-set.ts';

export interface SearchResult {
  readonly states: number;
  readonly steps: number;
  /** Whether the search saw every reachable state; false if it stopped at `maxStates`. */
  readonly complete: boolean;
  /** How many states break a rule. The search takes no step from such a state. */
  readonly violations: number;
  /** The shortest schedule that breaks a rule, one line a step; the last line names the rule. */
  readonly story: readonly string[] | undefined;
}

/** Visits every state that any order of events can reach, breadth first: so the first violation has a shortest schedule. */
export function search<State>(model: Model<State>, options: { maxStates: number }): SearchResult {
  const { codec } = model;
  const seen = new StateSet(options.maxStates);
  const parents = new Int32Array(options.maxStates);
  let steps = 0;
  let complete = true;
  let violations = 0;
  let firstViolation: number | undefined;

  seen.add(codec.encode(model.initial));
  parents[0] = -1;
  for (let at = 0; at < seen.size; at++) {
    const state = codec.decode(seen.at(at));
    if (model.violation(state) !== undefined) {
      violations += 1;
      firstViolation ??= at;
      continue;
    }
    model.steps(state, (next) => {
      steps += 1;
      const code = codec.encode(next);
      if (seen.size === options.maxStates) complete &&= seen.has(code);
      else if (seen.add(code)) parents[seen.size - 1] = at;
    });
  }
  const story = firstViolation === undefined ? undefined : tellStory(model, pathTo(firstViolation));
  return { states: seen.size, steps, complete, violations, story };

  function pathTo(end: number): StateCode[] {
    const path: StateCode[] = [];
    for (let at = end; at > 0; at = parents[at] ?? 0) path.unshift(seen.at(at));
    return path;
  }
}

/**
 * Replays a path from the first state. A model may give one code to states that differ only in the numbers of equal
 * actors; the replay keeps the real states, so that each actor keeps its number from line to line.
 */
function tellStory<State>(model: Model<State>, path: readonly StateCode[]): string[] {
  const lines: string[] = [];
  let state = model.initial;
  for (const code of path) {
    let step: { next: State; line: string } | undefined;
    model.steps(state, (next, describe) => {
      if (step === undefined && model.codec.encode(next) === code) step = { next, line: describe() };
    });
    if (step === undefined)
      throw new Error(`No step leads to state ${code}: the model's steps must not change between calls.`);
    ({ next: state } = step);
    lines.push(step.line);
  }
  return [...lines, model.violation(state) ?? ''];
}
