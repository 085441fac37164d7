/** Figures of the last 15 minutes and of the last day, kept in memory: about 300 kB, from the start of this process on. */
import type { SystemState } from './state.ts';

const figures = [
  'reads',
  'near',
  'redis',
  'postgres',
  'hitPercent',
  'writes',
  'applied',
  'freshP50Ms',
  'freshP99Ms',
  'lagSeconds',
  'unapplied',
  'waiting',
  'nines',
] as const;
type Figure = (typeof figures)[number];
type Sample = Readonly<Record<Figure, number | null>>;

/** One point of a plot. */
const spans = {
  '15m': { step_ms: 2_000, points: 450 },
  '24h': { step_ms: 60_000, points: 1_440 },
} as const;
export type Span = keyof typeof spans;

export interface SeriesAnswer {
  readonly times: readonly number[];
  readonly figures: Readonly<Record<Figure, readonly (number | null)[]>>;
}

/** The part of the answers that no query was needed for. null without an answer. */
function hitPercent({ near = 0, redis = 0, postgres = 0 }: SystemState['rates']): number | null {
  const all = near + redis + postgres;
  // 1 - 0 is exactly 1: the other way round, rounding gives a little more than 100.
  return all === 0 ? null : 100 * (1 - postgres / all);
}

function sampleOf({ rates, feed, queues }: SystemState): Sample {
  const waiting = queues.map(({ counts }) => counts?.waiting);
  return {
    reads: rates.reads ?? null,
    writes: rates.writes ?? null,
    applied: rates.applied ?? null,
    near: rates.near ?? null,
    redis: rates.redis ?? null,
    postgres: rates.postgres ?? null,
    hitPercent: hitPercent(rates),
    freshP50Ms: feed.freshP50Ms ?? null,
    freshP99Ms: feed.freshP99Ms ?? null,
    lagSeconds: feed.watermarkAgeSeconds ?? null,
    unapplied: feed.unapplied ?? null,
    nines: feed.nines ?? null,
    waiting: waiting.includes(undefined) ? null : waiting.reduce<number>((sum, one) => sum + (one ?? 0), 0),
  };
}

const peaks: ReadonlySet<Figure> = new Set(['freshP99Ms', 'lagSeconds', 'unapplied', 'waiting']);

/** The mean of the known values of a figure; of the lag and the depths the highest, so that a peak is not hidden. */
function merged(samples: readonly Sample[]): Sample {
  const one = (figure: Figure): number | null => {
    const known = samples.flatMap((sample) => sample[figure] ?? []);
    if (known.length === 0) return null;
    const isPeak = peaks.has(figure);
    return isPeak ? Math.max(...known) : known.reduce((sum, value) => sum + value, 0) / known.length;
  };
  return Object.fromEntries(figures.map((figure) => [figure, one(figure)])) as Sample;
}

export class Series {
  readonly #points: Record<Span, { at_ms: number; sample: Sample }[]> = { '15m': [], '24h': [] };
  #open: Record<Span, Sample[]> = { '15m': [], '24h': [] };

  add(state: SystemState): void {
    for (const span of Object.keys(spans) as Span[]) {
      const { step_ms, points } = spans[span];
      const list = this.#points[span];
      const at_ms = Math.floor(state.atMs / step_ms) * step_ms;
      const last = list.at(-1);
      if (last?.at_ms === at_ms) this.#open[span].push(sampleOf(state));
      else {
        this.#open[span] = [sampleOf(state)];
        list.push({ at_ms, sample: sampleOf(state) });
        if (list.length > points) list.shift();
      }
      const newest = list.at(-1);
      if (newest !== undefined) newest.sample = merged(this.#open[span]);
    }
  }

  of(span: Span): SeriesAnswer {
    const points = this.#points[span];
    return {
      times: points.map(({ at_ms }) => at_ms),
      figures: Object.fromEntries(
        figures.map((figure) => [figure, points.map(({ sample }) => sample[figure])]),
      ) as unknown as SeriesAnswer['figures'],
    };
  }
}
