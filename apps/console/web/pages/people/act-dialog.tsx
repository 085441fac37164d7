import { useState, type ReactNode } from 'react';
import { Ask } from '../../elements/ask.tsx';
import { say } from '../../elements/say.ts';
import { count } from '../../elements/values.tsx';
import { fieldProblems } from '../../http/api.ts';
import { ActForm } from './act-form.tsx';
import { OwnPassword } from './own-password.tsx';
import { NewPassword } from './password-forms.tsx';
import { RoleField } from './role-field.tsx';
import type { Act } from './user-table.tsx';
import { removeUser, setRole, signOutEverywhere, type User } from './users.ts';

export interface Chosen {
  readonly user: User;
  readonly act: Act;
}

const titles: Readonly<Record<Act, (name: string) => string>> = {
  role: (name) => `Role of ${name}`,
  password: (name) => `New password for ${name}`,
  'sign-out': (name) => `Sign out ${name} everywhere`,
  remove: (name) => `Remove ${name}`,
};

interface FormProps {
  readonly user: User;
  readonly isMe: boolean;
  readonly close: () => void;
}

/** One dialog for each thing that an admin can do to a person. */
export function ActDialog({
  chosen,
  me,
  close,
}: {
  chosen: Chosen | undefined;
  me: string | undefined;
  close: () => void;
}) {
  const Form = chosen === undefined ? undefined : forms[chosen.act];
  const name = chosen?.user.username ?? '';
  return (
    <Ask
      title={chosen === undefined ? '' : titles[chosen.act](name)}
      isOpen={chosen !== undefined}
      close={close}
    >
      {chosen !== undefined && Form !== undefined && (
        <Form user={chosen.user} isMe={name === me} close={close} />
      )}
    </Ask>
  );
}

const forms: Readonly<Record<Act, (props: FormProps) => ReactNode>> = {
  role: ChangeRole,
  password: ({ user, isMe, close }) =>
    isMe ? <OwnPassword close={close} /> : <NewPassword username={user.username} close={close} />,
  'sign-out': SignOut,
  remove: Remove,
};

function ChangeRole({ user: { username, role: now }, isMe, close }: FormProps) {
  const [role, choose] = useState(now);
  return (
    <ActForm
      verb="Change the role"
      close={close}
      run={() => setRole(username, role)}
      done={() => {
        say(`${username} is ${role === 'viewer' ? 'a' : 'an'} ${role} now`);
        close();
      }}
    >
      {(error) => (
        <>
          <p>
            It counts at once, also in pages that {isMe ? 'you have' : `${username} has`} open.
            {isMe && now === 'admin' && role !== 'admin' && ' You can then no longer manage people.'}
          </p>
          <RoleField role={role} choose={choose} wrong={fieldProblems(error)['role']} />
        </>
      )}
    </ActForm>
  );
}

function SignOut({ user: { username, sessions }, isMe, close }: FormProps) {
  return (
    <ActForm
      verb="Sign out everywhere"
      isDanger
      close={close}
      run={() => signOutEverywhere(username)}
      done={(ended) => {
        say(`Signed out ${username}`, {
          detail: ended === 1 ? '1 session has ended.' : `${count(ended)} sessions have ended.`,
        });
        close();
      }}
    >
      {() => (
        <p>
          {sessions === 1 ? '1 session ends' : `${count(sessions)} sessions end`} at once
          {isMe && ', this one too'}. {isMe ? 'You' : username} can sign in again.
        </p>
      )}
    </ActForm>
  );
}

function Remove({ user: { username }, isMe, close }: FormProps) {
  return (
    <ActForm
      verb={`Remove ${username}`}
      isDanger
      close={close}
      run={() => removeUser(username)}
      done={() => {
        say(`Removed ${username}`);
        close();
      }}
    >
      {() => (
        <p>
          {isMe ? 'This is you: you are signed out at once, and ' : `${username} is signed out at once, and `}
          can no longer sign in. What {isMe ? 'you' : username} did stays in the audit log and in the history.
        </p>
      )}
    </ActForm>
  );
}
