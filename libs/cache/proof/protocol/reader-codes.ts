import type { Incarnation } from './entry-table.ts';

/**
 * What a reader is doing.
 * asking: it must wait, or read Postgres · loaded: it has read Postgres, and its fill is on the way ·
 * refreshing, refreshed: the same ahead of time; its caller already has an answer.
 */
export interface ReaderState {
  readonly phase: 'idle' | 'asking' | 'loaded' | 'refreshing' | 'refreshed';
  /** The incarnation in which it began. */
  readonly incarnation: Incarnation;
  /** asking: the highest position served before it began · loaded, refreshed: the position that it has read. */
  readonly position: number;
}

/** Reader states as small numbers, for a history of `positions` rows. */
export class ReaderCodes {
  readonly #states: readonly ReaderState[];
  readonly #codes = new Map<string, number>();

  constructor(positions: number) {
    const states: ReaderState[] = [{ phase: 'idle', incarnation: 'current', position: 0 }];
    for (const incarnation of ['current', 'former'] as const) {
      states.push({ phase: 'refreshing', incarnation, position: 0 });
      for (let position = 0; position < positions; position++) {
        for (const phase of ['asking', 'loaded', 'refreshed'] as const) {
          states.push({ phase, incarnation, position });
        }
      }
    }
    this.#states = states;
    for (const [code, state] of states.entries()) this.#codes.set(keyOf(state), code);
  }

  of(phase: ReaderState['phase'], incarnation: Incarnation = 'current', position = 0): number {
    const code = this.#codes.get(keyOf({ phase, incarnation, position }));
    if (code === undefined) throw new Error(`The model has no reader ${phase} at position ${position}.`);
    return code;
  }

  at(code: number): ReaderState {
    const state = this.#states[code];
    if (state === undefined) throw new Error(`The model has no reader state with the number ${code}.`);
    return state;
  }
}

/** Leaves out the fields that a phase does not use. */
function keyOf({ phase, incarnation, position }: ReaderState): string {
  if (phase === 'idle') return phase;
  return phase === 'refreshing' ? `${phase} ${incarnation}` : `${phase} ${incarnation} ${position}`;
}
