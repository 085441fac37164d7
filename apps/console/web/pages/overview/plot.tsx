import { useState } from 'react';
import { clockText, count, durationText, timeAgo } from '../../elements/values.tsx';

export interface Line {
  readonly name: string;
  /** One for each time; null where nobody knew. */
  readonly values: readonly (number | null)[];
}

interface PlotProps {
  readonly title: string;
  /** With the space before it: `/s`, ` ms`. */
  readonly unit: string;
  /** At most three: there are no more strokes. */
  readonly lines: readonly Line[];
  readonly times: readonly number[];
  /** The scale reaches at least up to here. */
  readonly top?: number;
  /** A value that is marked, such as a limit. */
  readonly limit?: number;
  /** As wide as two. */
  readonly isWide: boolean;
}

const width = 240;
const height = 64;
/** Figures of a quiet system come in gaps. */
const old_ms = 10_000;

/** Counts are whole numbers. Small rates and times have a digit behind the point. */
function valueText(value: number | null | undefined, unit: string): string {
  if (typeof value !== 'number') return '–';
  if (unit === ' ms') return durationText(value);
  return (
    (unit !== '' && Math.abs(value) < 100 && !Number.isInteger(value)
      ? value.toFixed(1)
      : count(Math.round(value))) + unit
  );
}

/** The next of 1, 2, 5, 10, 20, 50 … */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}

const timeText = (time: number): string => clockText(time).slice(0, 5);

/** Lines from 0 up to a round value. The values above them are the newest, or those under the mouse. */
export function Plot({ title, unit, lines, times, top: least = 0, limit, isWide }: PlotProps) {
  const [at, setAt] = useState<number>();
  const length = times.length;
  const highest = Math.max(least, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const top = highest > 0 ? roundUp(highest) : 1;
  const x = (index: number): number => (length < 2 ? 0 : (index / (length - 1)) * width);
  const y = (value: number): number => height - 1 - (value / top) * (height - 2);
  const shown = lines.map(({ name, values }) => ({
    name,
    text: valueText(at === undefined ? values.findLast((value) => value !== null) : values[at], unit),
  }));
  const lastAt = lastKnown(lines, times);
  const pointed = at === undefined ? undefined : times[at];
  const first = times[0];
  return (
    <figure className={isWide ? 'plot wide-plot' : 'plot'}>
      <figcaption>{title}</figcaption>
      <ul className="legend">
        {shown.map(({ name, text }, index) => (
          <li key={name}>
            {lines.length > 1 && <Stroke index={index} />}
            {lines.length > 1 && <span className="faint">{name}</span>} <strong>{text}</strong>
          </li>
        ))}
        {at === undefined && lastAt !== undefined && (
          <li className="faint">{timeAgo(new Date(lastAt).toISOString())}</li>
        )}
      </ul>
      <div className="plot-area">
        <span className="plot-top">{valueText(top, unit).replace('.0 ', ' ')}</span>
        <svg
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${title}: ${shown.map(({ name, text }) => `${name} ${text}`).join(', ')}`}
          onMouseMove={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            const index = Math.round(((event.clientX - box.left) / box.width) * (length - 1));
            setAt(length === 0 ? undefined : Math.min(Math.max(index, 0), length - 1));
          }}
          onMouseLeave={() => setAt(undefined)}
        >
          {limit !== undefined && limit <= top && (
            <line className="limit" x1="0" x2={width} y1={y(limit)} y2={y(limit)} />
          )}
          {lines.map(({ name, values }, index) => (
            <path key={name} className={`line-${index}`} d={pathOf(values, x, y)} />
          ))}
          {lines.map(({ name, values }, index) => (
            <path key={name} className={`line-${index} alone`} d={pointsOf(values, x, y)} />
          ))}
          {at !== undefined && <line x1={x(at)} x2={x(at)} y1="0" y2={height} />}
        </svg>
      </div>
      <div className="plot-times">
        <span>{first !== undefined && timeText(first)}</span>
        <span>{pointed === undefined ? first !== undefined && 'now' : clockText(pointed)}</span>
      </div>
    </figure>
  );
}

/** How the line of a name is drawn. */
function Stroke({ index }: { index: number }) {
  return (
    <svg className="stroke" viewBox="0 0 16 8" aria-hidden="true">
      <path className={`line-${index}`} d="M0 4H16" />
    </svg>
  );
}

/** When the newest values were known, if that is a while ago: a value from then must not read as one of now. */
function lastKnown(lines: readonly Line[], times: readonly number[]): number | undefined {
  const last = Math.max(...lines.map(({ values }) => values.findLastIndex((value) => value !== null)));
  const [at, newest] = [times[last], times.at(-1)];
  return at === undefined || newest === undefined || newest - at < old_ms ? undefined : at;
}

type Position = (value: number) => number;

const isAlone = (values: readonly (number | null)[], index: number): boolean =>
  (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;

/** A gap stays a gap. */
function pathOf(values: readonly (number | null)[], x: Position, y: Position): string {
  let path = '';
  values.forEach((value, index) => {
    if (value === null || isAlone(values, index)) return;
    const isFirst = (values[index - 1] ?? null) === null;
    path += `${isFirst ? 'M' : 'L'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  return path;
}

/** A value between two gaps is a dot: a line of no length with round ends. */
function pointsOf(values: readonly (number | null)[], x: Position, y: Position): string {
  return values
    .map((value, index) =>
      value === null || !isAlone(values, index) ? '' : `M${x(index).toFixed(1)} ${y(value).toFixed(1)}h0`,
    )
    .join('');
}
