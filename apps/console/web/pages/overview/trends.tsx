import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { getJson } from '../../http/api.ts';
import { Plot } from './plot.tsx';

type Span = '15m' | '24h';
type Figure =
  | 'reads'
  | 'near'
  | 'redis'
  | 'postgres'
  | 'hitPercent'
  | 'writes'
  | 'applied'
  | 'freshP50Ms'
  | 'freshP99Ms'
  | 'lagSeconds'
  | 'unapplied'
  | 'waiting'
  | 'nines';

interface Series {
  /** Milliseconds since 1970; from the start of this console on. */
  readonly times: readonly number[];
  readonly figures: Readonly<Record<Figure, readonly (number | null)[]>>;
}

interface Shown {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly (readonly [figure: Figure, name: string])[];
  readonly top?: number;
  readonly limit?: number;
  readonly isWide?: boolean;
}

const plots: readonly Shown[] = [
  {
    title: 'Reads by layer',
    unit: '/s',
    lines: [
      ['near', 'near'],
      ['redis', 'Redis'],
      ['postgres', 'Postgres'],
    ],
    isWide: true,
  },
  { title: 'Answered without Postgres', unit: ' %', lines: [['hitPercent', 'hit ratio']], top: 100 },
  {
    title: 'Commit → fresh everywhere',
    unit: ' ms',
    lines: [
      ['freshP99Ms', 'p99'],
      ['freshP50Ms', 'p50'],
    ],
  },
  // Beyond the bound of 2 s readers no longer trust the caches.
  { title: 'Age of the watermark', unit: ' s', lines: [['lagSeconds', 'age']], top: 2, limit: 2 },
  {
    title: 'Changes',
    unit: '/s',
    lines: [
      ['applied', 'applied'],
      ['writes', 'writes'],
    ],
  },
  {
    title: 'Waiting',
    unit: '',
    lines: [
      ['unapplied', 'in the outbox'],
      ['waiting', 'jobs'],
    ],
    top: 5,
  },
  { title: 'Right audited entries', unit: ' nines', lines: [['nines', 'nines']], top: 5 },
];

/** Plots of the last 15 minutes or the last day. */
export function Trends() {
  const [span, setSpan] = useState<Span>('15m');
  const { data } = useQuery({
    queryKey: ['series', span],
    queryFn: ({ signal }) => getJson<Series>(`/api/series?span=${span}`, signal),
    refetchInterval: span === '15m' ? 5_000 : 60_000,
  });
  return (
    <section className="panel" aria-labelledby="trends">
      <header>
        <h2 id="trends">{span === '15m' ? 'The last 15 minutes' : 'The last day'}</h2>
        <div className="actions" role="group" aria-label="Time span">
          {(['15m', '24h'] as const).map((one) => (
            <button
              key={one}
              type="button"
              className="quiet small"
              aria-pressed={span === one}
              onClick={() => setSpan(one)}
            >
              {one === '15m' ? '15 minutes' : '1 day'}
            </button>
          ))}
        </div>
      </header>
      <div className="plots">
        {plots.map(({ title, unit, lines, top, limit, isWide = false }) => (
          <Plot
            key={title}
            title={title}
            isWide={isWide}
            unit={unit}
            times={data?.times ?? []}
            lines={lines.map(([figure, name]) => ({ name, values: data?.figures[figure] ?? [] }))}
            {...(top !== undefined && { top })}
            {...(limit !== undefined && { limit })}
          />
        ))}
      </div>
    </section>
  );
}
