/** A state as one number below 2^53, so that millions of states fit into memory. */
export type StateCode = number;

/** A description is built only for the steps that are printed. */
export type VisitStep<State> = (next: State, describe: () => string) => void;

/** A system as a graph: its states, the steps between them, and the rules that every state must keep. */
export interface Model<State> {
  readonly initial: State;
  /** Calls `visit` for each event that can happen in `state`. States are plain data and never change. */
  steps(state: State, visit: VisitStep<State>): void;
  /** The rule that `state` breaks; undefined if it keeps all of them. */
  violation(state: State): string | undefined;
  readonly codec: StateCodec<State>;
}

/** States with the same code are one state to the search. */
export interface StateCodec<State> {
  encode(state: State): StateCode;
  decode(code: StateCode): State;
}

/** Numbers states in the order of their arrival. Simple, but it keeps every state: for models below a million states. */
export function numberedStates<State>(): StateCodec<State> {
  const codes = new Map<string, StateCode>();
  const states: State[] = [];
  return {
    encode(state) {
      const key = JSON.stringify(state);
      const known = codes.get(key);
      if (known !== undefined) return known;
      codes.set(key, states.length);
      return states.push(state) - 1;
    },
    decode(code) {
      const state = states[code];
      if (state === undefined)
        throw new Error(`No state has the code ${code}: encode a state before its code is used.`);
      return state;
    },
  };
}
