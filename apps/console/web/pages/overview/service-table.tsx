import { Scroll } from '../../elements/scroll.tsx';
import { Duration } from '../../elements/values.tsx';
import type { ServiceState } from './state.ts';

const tones = { ready: 'good', 'not ready': 'bad', 'no answer': 'bad' } as const;

export function ServiceTable({ services }: { services: readonly ServiceState[] }) {
  return (
    <section className="panel" aria-labelledby="services">
      <header>
        <h2 id="services">Services</h2>
      </header>
      <Scroll label="State of each service">
        <table>
          <thead>
            <tr>
              <th>Service</th>
              <th>State</th>
              <th>What is wrong</th>
              <th className="number">Answered in</th>
            </tr>
          </thead>
          <tbody>
            {services.map(({ name, state, failing, answeredInMs }) => {
              const wrong = Object.entries(failing)
                .map(([check, answer]) => `${check}: ${answer}`)
                .join(', ');
              return (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>
                    <span className={`pill ${tones[state]}`}>{state}</span>
                  </td>
                  <td className="wide" title={wrong}>
                    {wrong || <span className="faint">nothing</span>}
                  </td>
                  <td className="number">
                    <Duration ms={answeredInMs} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
