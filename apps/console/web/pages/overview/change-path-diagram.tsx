import { useState } from 'react';
import { useLive } from '../../http/live.ts';
import type { ReaderState, SystemState } from './state.ts';
import { nearCacheOf, changePathOf } from './change-path.ts';

const pulse_ms = 600;
/** More would make the diagram higher than the page. */
const mostReaders = 8;

/** The path of a change. A pulse runs along it whenever changes are applied. */
export function ChangePathDiagram({ state }: { state: SystemState }) {
  const [pulses, setPulses] = useState(0);
  const [isPulsing, setPulsing] = useState(false);
  useLive('applied', () => {
    if (isPulsing) return;
    setPulsing(true);
    setPulses((count) => count + 1);
    setTimeout(() => setPulsing(false), pulse_ms);
  });
  return (
    <section className="panel" aria-labelledby="change-path">
      <header>
        <h2 id="change-path">The path of a change</h2>
        <span className="fine">from a save to the near cache of every reader</span>
      </header>
      <ol className={isPulsing ? 'change-path pulsing' : 'change-path'} key={pulses}>
        {changePathOf(state).map(({ name, health, word, figure, note }) => (
          <li key={name}>
            <span className="change-path-name">
              <span className={`dot ${health}`} />
              <strong>{name}</strong>
            </span>
            <span
              className={`change-path-word ${health === 'warn' || health === 'bad' ? `${health}-text` : ''}`}
            >
              {word}
            </span>
            <span className="change-path-figure">{figure}</span>
            <span className="fine">{note}</span>
            {name === 'readers' && state.readers.length > 0 && <NearCaches readers={state.readers} />}
          </li>
        ))}
      </ol>
    </section>
  );
}

function NearCaches({ readers }: { readers: readonly ReaderState[] }) {
  return (
    <ul className="near-caches" aria-label="Near caches">
      {readers.slice(0, mostReaders).map((reader) => {
        const { health, word, title } = nearCacheOf(reader);
        return (
          <li key={reader.name} title={title}>
            <span>
              <span className={`dot ${health}`} /> near {reader.name}
            </span>
            <span>{word}</span>
          </li>
        );
      })}
      {readers.length > mostReaders && <li>and {readers.length - mostReaders} more</li>}
    </ul>
  );
}
