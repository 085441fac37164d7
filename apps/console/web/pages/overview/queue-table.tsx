import { Scroll } from '../../elements/scroll.tsx';
import { count } from '../../elements/values.tsx';
import type { QueueState } from './state.ts';

const states = ['waiting', 'active', 'delayed', 'failed', 'completed'] as const;

/** Where the screen is narrow, the ended jobs need no column. */
const classOf = (state: (typeof states)[number]): string =>
  state === 'completed' ? 'number aside' : 'number';

export function QueueTable({ queues }: { queues: readonly QueueState[] }) {
  return (
    <section className="panel" aria-labelledby="queues">
      <header>
        <h2 id="queues">Queues</h2>
        <div className="actions">
          <a href="/queues/">Open the dashboard</a>
        </div>
      </header>
      <Scroll label="Jobs of each queue">
        <table>
          <thead>
            <tr>
              <th>Queue</th>
              {states.map((state) => (
                <th key={state} className={classOf(state)}>
                  {state}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {queues.map(({ name, counts, paused }) => (
              <tr key={name}>
                <th scope="row">
                  {name} {paused !== undefined && <span className="pill bad">paused</span>}
                </th>
                {states.map((state) => (
                  <td
                    key={state}
                    className={`${classOf(state)} ${state === 'failed' && counts?.failed ? 'bad-text' : ''}`}
                  >
                    {counts === undefined ? (
                      'unknown'
                    ) : (
                      <a
                        className="plain"
                        href={`/queues/queue/${name}?status=${state}`}
                        title={`Show the ${state} jobs of ${name}`}
                      >
                        {count(counts[state])}
                      </a>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
