import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Ask } from '../../elements/ask.tsx';
import { Failed, Loading, PageHead } from '../../elements/states.tsx';
import { meQuery, useMay } from '../../http/me.ts';
import { ActDialog, type Chosen } from './act-dialog.tsx';
import { OwnSessions, sessionsQuery } from './own-sessions.tsx';
import { AddPerson } from './password-forms.tsx';
import { UserTable } from './user-table.tsx';
import { usersQuery } from './users.ts';

/** For admins, who may sign in; for everybody, their own sessions. */
export function People() {
  const isAdmin = useMay('admin');
  const [isAdding, setAdding] = useState(false);
  const users = useQuery({ ...usersQuery, enabled: isAdmin });
  const sessions = useQuery(sessionsQuery);
  // Both parts appear at once, so that none moves the other.
  if (sessions.isPending || (isAdmin && users.isPending))
    return (
      <>
        <PageHead title="People" />
        <Loading rows={8} />
      </>
    );
  return (
    <>
      <PageHead title="People">
        {isAdmin && (
          <button type="button" className="primary" onClick={() => setAdding(true)}>
            Add a person…
          </button>
        )}
      </PageHead>
      <div className="stack">
        {isAdmin ? (
          <Users />
        ) : (
          <p className="banner">Only an admin sees the other people and changes roles.</p>
        )}
        <OwnSessions />
      </div>
      <Ask title="Add a person" isOpen={isAdding && isAdmin} close={() => setAdding(false)}>
        <AddPerson close={() => setAdding(false)} />
      </Ask>
    </>
  );
}

function Users() {
  const { data: me } = useQuery(meQuery);
  const { data, error, refetch } = useQuery(usersQuery);
  const [chosen, choose] = useState<Chosen>();
  return (
    <section className="panel" aria-label="Everybody">
      {data === undefined ? (
        <Failed error={error} again={() => void refetch()} />
      ) : (
        <UserTable users={data.data} me={me?.username} choose={(user, act) => choose({ user, act })} />
      )}
      <ActDialog chosen={chosen} me={me?.username} close={() => choose(undefined)} />
    </section>
  );
}
