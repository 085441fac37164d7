import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Ask } from '../../elements/ask.tsx';
import { Scroll } from '../../elements/scroll.tsx';
import { Failed } from '../../elements/states.tsx';
import { say } from '../../elements/say.ts';
import { Ago, count } from '../../elements/values.tsx';
import { callApi, getJson, textOf } from '../../http/api.ts';
import { OwnPassword } from './own-password.tsx';

interface Session {
  /** A hash. It lets nobody in. */
  readonly name: string;
  readonly browser: string;
  readonly signedInAt: string;
  readonly lastSeenAt: string;
  readonly isThis: boolean;
}

export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: ({ signal }) => getJson<{ data: readonly Session[] }>('/api/sessions', signal),
  refetchInterval: 5_000,
});

/** Where the signed-in person is signed in: all sessions of this person. */
export function OwnSessions() {
  const queries = useQueryClient();
  const [isChanging, setChanging] = useState(false);
  const { data, error, refetch } = useQuery(sessionsQuery);
  const end = useMutation({
    mutationFn: (session: Session | 'others') =>
      callApi(session === 'others' ? '/api/sessions' : `/api/sessions/${session.name}`, { method: 'DELETE' }),
    onSuccess: (_answer, session) =>
      say(session === 'others' ? 'Signed out everywhere else' : `Signed out ${session.browser}`),
    onError: (failure) => say('Not signed out', { kind: 'bad', detail: textOf(failure) }),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['sessions'] });
      void queries.invalidateQueries({ queryKey: ['users'] });
    },
  });
  const others = (data?.data ?? []).filter(({ isThis }) => !isThis).length;
  return (
    <section className="panel" aria-labelledby="own-sessions">
      <header>
        <h2 id="own-sessions">Your sessions</h2>
        <div className="actions">
          {others > 0 && (
            <button type="button" disabled={end.isPending} onClick={() => end.mutate('others')}>
              Sign out {others === 1 ? 'the other one' : `all ${count(others)} others`}
            </button>
          )}
          <button type="button" onClick={() => setChanging(true)}>
            Change your password…
          </button>
        </div>
      </header>
      <Ask title="Change your password" isOpen={isChanging} close={() => setChanging(false)}>
        <OwnPassword close={() => setChanging(false)} />
      </Ask>
      {data === undefined ? (
        <Failed error={error} again={() => void refetch()} />
      ) : (
        <SessionTable sessions={data.data} isBusy={end.isPending} end={(session) => end.mutate(session)} />
      )}
    </section>
  );
}

function SessionTable({
  sessions,
  isBusy,
  end,
}: {
  sessions: readonly Session[];
  isBusy: boolean;
  end: (session: Session) => void;
}) {
  return (
    <Scroll label="Table of your sessions">
      <table className="stacked">
        <thead>
          <tr>
            <th>Browser</th>
            <th className="number">Signed in</th>
            <th className="number">Last seen</th>
            <th>Change</th>
          </tr>
        </thead>
        <tbody>
          {sessions.map((session) => (
            <tr key={session.name}>
              <th scope="row">
                {session.browser} {session.isThis && <span className="pill accent">this one</span>}
              </th>
              <td data-label="Signed in" className="number faint">
                <Ago at={session.signedInAt} />
              </td>
              <td data-label="Last seen" className="number faint">
                <Ago at={session.lastSeenAt} />
              </td>
              <td>
                {!session.isThis && (
                  <div className="acts">
                    <button
                      type="button"
                      aria-label={`Sign out ${session.browser}`}
                      disabled={isBusy}
                      onClick={() => end(session)}
                    >
                      Sign out
                    </button>
                  </div>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
