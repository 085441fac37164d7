import type { Life } from './entry-table.ts';

/**
 * What a reader is about:
 * asking: has been told to read Postgres, or to wait · loaded: has read it, and its fill is on the way ·
 * refreshing, refreshed: the same ahead of time, when its caller has already been answered.
 */
export interface ReaderState {
  readonly phase: 'idle' | 'asking' | 'loaded' | 'refreshing' | 'refreshed';
  /** In which life of the stores it began. */
  readonly life: Life;
  /** asking: the highest position that had been served when it began · loaded, refreshed: what it has read. */
  readonly position: number;
}

/** Reader states as small numbers, for a history of so many positions. */
export class ReaderCodes {
  readonly all: readonly ReaderState[];
  readonly #codes = new Map<string, number>();

  constructor(positions: number) {
    const all: ReaderState[] = [{ phase: 'idle', life: 'now', position: 0 }];
    for (const life of ['now', 'former'] as const) {
      all.push({ phase: 'refreshing', life, position: 0 });
      for (let position = 0; position < positions; position++) {
        for (const phase of ['asking', 'loaded', 'refreshed'] as const) all.push({ phase, life, position });
      }
    }
    this.all = all;
    for (const [code, reader] of all.entries()) this.#codes.set(name(reader), code);
  }

  of(phase: ReaderState['phase'], life: Life = 'now', position = 0): number {
    const code = this.#codes.get(name({ phase, life, position }));
    if (code === undefined) throw new Error(`no reader is ${phase} at ${position}`);
    return code;
  }

  at(code: number): ReaderState {
    const reader = this.all[code];
    if (reader === undefined) throw new Error(`no reader state has the number ${code}`);
    return reader;
  }
}

/** What a phase has no use for makes no difference. */
function name({ phase, life, position }: ReaderState): string {
  if (phase === 'idle') return phase;
  return phase === 'refreshing' ? `${phase} ${life}` : `${phase} ${life} ${position}`;
}
