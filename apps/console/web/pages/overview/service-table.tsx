import type { ServiceState } from './state.ts';

const tones = { ready: 'good', 'not ready': 'bad', 'no answer': 'bad' } as const;

export function ServiceTable({ services }: { services: readonly ServiceState[] }) {
  return (
    <section className="panel" aria-labelledby="services">
      <header>
        <h2 id="services">Services</h2>
      </header>
      <div className="scroll">
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
            {services.map(({ name, state, failing, answeredIn_ms }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>
                  <span className={`pill ${tones[state]}`}>{state}</span>
                </td>
                <td className="wide" title={failing.join(', ')}>
                  {failing.join(', ') || <span className="faint">nothing</span>}
                </td>
                <td className="number">{answeredIn_ms} ms</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
