import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Empty, Failed, Loading, PageHead } from '../../elements/states.tsx';
import { say } from '../../elements/say.ts';
import { exactTime } from '../../elements/values.tsx';
import { callApi, textOf } from '../../http/api.ts';
import { meQuery, useMay } from '../../http/me.ts';
import { Trends } from '../overview/trends.tsx';
import { useSystem } from '../overview/use-system.ts';
import { Verdict } from '../overview/verdict.tsx';
import { ChangePathDiagram } from '../overview/change-path-diagram.tsx';
import { faultWords } from './faults.ts';
import { partsQuery, type Part } from './parts.ts';

/** Breaks parts of the local stack, with the same sentence and plots beside it that an operator sees. */
export function BreakIt() {
  const { data: me } = useQuery(meQuery);
  if (me === undefined) return <Loading rows={6} />;
  if (!me.breaksStack)
    return <Empty title="Nothing can be broken here.">Only a local stack, from npm start, can be.</Empty>;
  return (
    <>
      <PageHead title="Break it" note="whatever is broken is put back by itself after two minutes" />
      <div className="beside">
        <Parts />
        <WhatIsSeen />
      </div>
    </>
  );
}

/** What an operator sees meanwhile. */
function WhatIsSeen() {
  const { state, causes, error } = useSystem();
  if (state === undefined) return error === null ? <Loading rows={8} /> : <Failed error={error} />;
  return (
    <div className="stack">
      <Verdict causes={causes} />
      <ChangePathDiagram state={state} />
      <Trends />
    </div>
  );
}

function Parts() {
  const { data, error, refetch } = useQuery(partsQuery);
  if (data === undefined)
    return error === null ? <Loading rows={6} /> : <Failed error={error} again={() => void refetch()} />;
  return (
    <section className="panel" aria-labelledby="parts">
      <header>
        <h2 id="parts">What can be broken</h2>
      </header>
      <ul className="breakable">
        {data.data.map((part) => (
          <PartRow key={part.name} part={part} />
        ))}
      </ul>
    </section>
  );
}

function PartRow({ part: { name, since } }: { part: Part }) {
  const isAdmin = useMay('admin');
  const queries = useQueryClient();
  const words = faultWords[name];
  const act = useMutation({
    mutationFn: (method: 'POST' | 'DELETE') => callApi(`/api/break-it/${name}`, { method }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['break-it'] }),
    onSuccess: (_, method) => {
      if (method === 'POST' && name === 'wipe-cache') say('The cache is empty');
    },
    onError: (error) => say(`Not done: ${words?.button ?? name}`, { kind: 'bad', detail: textOf(error) }),
  });
  return (
    <li aria-label={words?.title ?? name}>
      <div>
        <strong>{words?.title ?? name}</strong>
        <p className="fine">{words?.watch}</p>
      </div>
      {since !== null ? (
        <>
          <span className="bad-text">broken since {exactTime(since)}</span>
          <button
            type="button"
            className="primary"
            disabled={act.isPending}
            onClick={() => act.mutate('DELETE')}
          >
            Put it back
          </button>
        </>
      ) : (
        <button
          type="button"
          className="danger"
          disabled={act.isPending || !isAdmin}
          title={isAdmin ? undefined : 'Only an admin may break parts of the stack.'}
          onClick={() => act.mutate('POST')}
        >
          {words?.button ?? name}
        </button>
      )}
    </li>
  );
}
