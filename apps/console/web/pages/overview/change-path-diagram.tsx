import { useState } from 'react';
import { useLive } from '../../http/live.ts';
import { changePathOf } from './change-path.ts';
import type { SystemState } from './state.ts';

const pulse_ms = 600;

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
        <span className="fine">from a save to every reader</span>
      </header>
      <ol className={isPulsing ? 'change-path pulsing' : 'change-path'} key={pulses}>
        {changePathOf(state).map(({ name, health, word, figure, note }) => (
          <li key={name}>
            <span className="row">
              <span className={`dot ${health}`} />
              <strong>{name}</strong>
              <span className="fine">{word}</span>
            </span>
            <span className="change-path-figure">{figure}</span>
            <span className="fine">{note}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
