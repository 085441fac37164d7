import { useState } from 'react';

const width = 240;
const height = 40;

/** A small plot from 0 to its highest value. The value under the mouse is shown beside it. */
export function Sparkline({
  values,
  times,
  name,
  unit,
}: {
  values: readonly (number | null)[];
  times: readonly number[];
  name: string;
  unit: string;
}) {
  const [at, setAt] = useState<number>();
  const top = Math.max(1, ...values.map((value) => value ?? 0));
  const x = (index: number): number => (values.length < 2 ? 0 : (index / (values.length - 1)) * width);
  const y = (value: number): number => height - 1 - (value / top) * (height - 4);
  let path = '';
  values.forEach((value, index) => {
    if (value === null) return;
    const isFirst = values[index - 1] === null || index === 0;
    path += `${isFirst ? 'M' : 'L'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  const pointed = at === undefined ? undefined : values[at];
  const time = at === undefined ? undefined : times[at];
  return (
    <div className="spark">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name}, at most ${top.toFixed(1)}${unit}`}
        onMouseMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          setAt(Math.round(((event.clientX - box.left) / box.width) * (values.length - 1)));
        }}
        onMouseLeave={() => setAt(undefined)}
      >
        <path d={path} />
        {at !== undefined && <line x1={x(at)} x2={x(at)} y1="0" y2={height} />}
      </svg>
      <span className="fine">
        {typeof pointed === 'number' && time !== undefined
          ? `${pointed.toFixed(1)}${unit} at ${new Date(time).toLocaleTimeString('en-GB')}`
          : ' '}
      </span>
    </div>
  );
}
