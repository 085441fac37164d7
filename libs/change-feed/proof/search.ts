/** One thing that can happen next: what, told as a line of a story, and the state after it. */
export type Step<State> = readonly [told: string, next: State];

export interface Model<State> {
  readonly initial: State;
  /** All that can happen. States are plain data, and none is changed. */
  steps(state: State): Iterable<Step<State>>;
  /** The rule that a state breaks, if any. */
  violation(state: State): string | undefined;
}

export interface Found {
  readonly states: number;
  /** A shortest schedule that breaks a rule, and which; undefined where no schedule does. */
  readonly story: readonly string[] | undefined;
}

/** Walks every schedule to its end, breadth first. Throws where there are more than `maxStates`: then nothing is shown. */
export function search<State>(model: Model<State>, maxStates = 3_000_000): Found {
  interface Reached {
    readonly state: State;
    readonly from: Reached | undefined;
    readonly told: string;
  }
  const seen = new Set([JSON.stringify(model.initial)]);
  let layer: Reached[] = [{ state: model.initial, from: undefined, told: 'at first' }];
  while (layer.length > 0) {
    const next: Reached[] = [];
    for (const reached of layer) {
      const broken = model.violation(reached.state);
      if (broken !== undefined) {
        const story = [broken];
        for (let at: Reached | undefined = reached; at?.from !== undefined; at = at.from)
          story.unshift(at.told);
        return { states: seen.size, story };
      }
      for (const [told, state] of model.steps(reached.state)) {
        const code = JSON.stringify(state);
        if (seen.has(code)) continue;
        seen.add(code);
        next.push({ state, from: reached, told });
      }
      if (seen.size > maxStates) throw new Error(`more than ${maxStates} states`);
    }
    layer = next;
  }
  return { states: seen.size, story: undefined };
}
