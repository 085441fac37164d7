import { Scroll } from '../../elements/scroll.tsx';
import { Ago, count } from '../../elements/values.tsx';
import type { User } from './users.ts';

/** What an admin can do to a person. */
export type Act = 'role' | 'password' | 'sign-out' | 'remove';

interface UserTableProps {
  readonly users: readonly User[];
  readonly me: string | undefined;
  readonly choose: (user: User, act: Act) => void;
}

export function UserTable({ users, me, choose }: UserTableProps) {
  return (
    <Scroll label="Table of people">
      <table className="stacked">
        <thead>
          <tr>
            <th>Name</th>
            <th>Role</th>
            <th className="number">Last seen</th>
            <th className="number">Sessions</th>
            <th className="number">Added</th>
            <th>Change</th>
          </tr>
        </thead>
        <tbody>
          {users.map((user) => (
            <tr key={user.username}>
              <th scope="row">
                {user.username} {user.username === me && <span className="pill accent">you</span>}
              </th>
              <td data-label="Role">{user.role}</td>
              <td data-label="Last seen" className="number faint">
                {user.lastSeenAt === null ? 'never' : <Ago at={user.lastSeenAt} />}
              </td>
              <td data-label="Sessions" className="number">
                {count(user.sessions)}
              </td>
              <td data-label="Added" className="number faint">
                <Ago at={user.createdAt} />
              </td>
              <td>
                <Acts user={user} choose={(act) => choose(user, act)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Acts({ user: { username, sessions }, choose }: { user: User; choose: (act: Act) => void }) {
  return (
    <div className="acts">
      <button type="button" aria-label={`Role… of ${username}`} onClick={() => choose('role')}>
        Role…
      </button>
      <button type="button" aria-label={`Password… of ${username}`} onClick={() => choose('password')}>
        Password…
      </button>
      <button
        type="button"
        aria-label={`Sign out… ${username}`}
        disabled={sessions === 0}
        onClick={() => choose('sign-out')}
      >
        Sign out…
      </button>
      <button
        type="button"
        className="danger"
        aria-label={`Remove… ${username}`}
        onClick={() => choose('remove')}
      >
        Remove…
      </button>
    </div>
  );
}
