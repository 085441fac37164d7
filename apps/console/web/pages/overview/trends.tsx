import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { count } from '../../elements/values.tsx';
import { getJson } from '../../http/api.ts';
import { Sparkline } from './sparkline.tsx';
import type { SystemState } from './state.ts';

type Span = '15m' | '24h';
type Figure =
  | 'reads'
  | 'near'
  | 'redis'
  | 'postgres'
  | 'hitPercent'
  | 'writes'
  | 'applied'
  | 'loaded'
  | 'freshP50Ms'
  | 'freshP99Ms'
  | 'lagSeconds'
  | 'unapplied'
  | 'waiting';

interface Series {
  /** Milliseconds since 1970; from the start of this console on. */
  readonly times: readonly number[];
  readonly figures: Readonly<Record<Figure, readonly (number | null)[]>>;
}

/** Counts are whole numbers. Small rates and times have one digit after the decimal point. */
const figureText = (value: number, unit: string): string =>
  (unit !== '' && value < 10 ? value.toFixed(1) : count(Math.round(value))) + unit;

const shown: readonly { figure: Figure; name: string; unit: string }[] = [
  { figure: 'reads', name: 'Reads', unit: '/s' },
  { figure: 'near', name: 'answered by near caches', unit: '/s' },
  { figure: 'redis', name: 'by Redis', unit: '/s' },
  { figure: 'postgres', name: 'by Postgres', unit: '/s' },
  { figure: 'hitPercent', name: 'Hit ratio', unit: ' %' },
  { figure: 'loaded', name: 'Keys loaded from Postgres', unit: '/s' },
  { figure: 'writes', name: 'Writes', unit: '/s' },
  { figure: 'applied', name: 'Changes applied', unit: '/s' },
  { figure: 'freshP50Ms', name: 'Commit to fresh, median', unit: ' ms' },
  { figure: 'freshP99Ms', name: 'Commit to fresh, 99 of 100', unit: ' ms' },
  { figure: 'lagSeconds', name: 'Age of the watermark', unit: ' s' },
  { figure: 'unapplied', name: 'Outbox', unit: '' },
  { figure: 'waiting', name: 'Jobs that wait', unit: '' },
];

/** Plots of the last 15 minutes or the last day. */
export function Trends({ state }: { state: SystemState }) {
  const [span, setSpan] = useState<Span>('15m');
  const { data } = useQuery({
    queryKey: ['series', span],
    queryFn: ({ signal }) => getJson<Series>(`/api/series?span=${span}`, signal),
    refetchInterval: span === '15m' ? 5_000 : 60_000,
  });
  const since = data?.times[0];
  return (
    <section className="panel" aria-labelledby="trends">
      <header>
        <h2 id="trends">{span === '15m' ? 'The last 15 minutes' : 'The last day'}</h2>
        {since !== undefined && (
          <span className="fine">
            since {new Date(since).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}
          </span>
        )}
        <div className="actions" role="group" aria-label="Time span">
          {(['15m', '24h'] as const).map((one) => (
            <button
              key={one}
              type="button"
              className="quiet"
              aria-pressed={span === one}
              onClick={() => setSpan(one)}
            >
              {one === '15m' ? '15 minutes' : '1 day'}
            </button>
          ))}
        </div>
      </header>
      <div className="trends">
        {shown.map(({ figure, name, unit }) => {
          const values = data?.figures[figure] ?? [];
          const last = values.findLast((value) => value !== null);
          return (
            <figure key={figure}>
              <figcaption>
                <span className="fine">{name}</span>
                <strong>{typeof last === 'number' ? figureText(last, unit) : '–'}</strong>
              </figcaption>
              <Sparkline values={values} times={data?.times ?? []} name={name} unit={unit} />
            </figure>
          );
        })}
        <figure>
          <figcaption>
            <span className="fine">Right audited entries</span>
            <strong>{state.feed.nines === undefined ? '–' : `${state.feed.nines.toFixed(1)} nines`}</strong>
          </figcaption>
          <p className="fine">
            {state.feed.wrongEntries === undefined
              ? 'The worker does not say.'
              : `${count(state.feed.wrongEntries)} wrong since the worker started`}
          </p>
        </figure>
      </div>
    </section>
  );
}
