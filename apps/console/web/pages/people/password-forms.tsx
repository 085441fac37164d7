import { useState } from 'react';
import { Field } from '../../elements/field.tsx';
import { say } from '../../elements/say.ts';
import { fieldProblems } from '../../http/api.ts';
import type { Role } from '../../http/me.ts';
import { ActForm } from './act-form.tsx';
import { RoleField } from './role-field.tsx';
import { addUser, setPassword, type WithPassword } from './users.ts';

export function AddPerson({ close }: { close: () => void }) {
  const [username, setUsername] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [password, setPassword] = useState('');
  const [added, setAdded] = useState<WithPassword>();
  if (added?.password !== undefined) return <ShownOnce of={added} close={close} />;
  return (
    <ActForm
      verb="Add"
      close={close}
      run={() => addUser(username.trim(), role, password)}
      done={(result) => {
        say(`Added ${result.username}`);
        if (result.password === undefined) close();
        else setAdded(result);
      }}
    >
      {(error) => (
        <>
          <div className="fields">
            <Field
              label="Name"
              hint="lower case, such as ann or ann@example.com"
              wrong={fieldProblems(error)['username']}
            >
              {(props) => (
                <input
                  {...props}
                  required
                  autoComplete="off"
                  autoCapitalize="none"
                  spellCheck={false}
                  maxLength={64}
                  value={username}
                  onChange={({ target }) => setUsername(target.value)}
                />
              )}
            </Field>
            <RoleField role={role} choose={setRole} wrong={fieldProblems(error)['role']} />
          </div>
          <PasswordField value={password} change={setPassword} wrong={fieldProblems(error)['password']} />
        </>
      )}
    </ActForm>
  );
}

export function NewPassword({ username, close }: { username: string; close: () => void }) {
  const [password, change] = useState('');
  const [changed, setChanged] = useState<WithPassword>();
  if (changed?.password !== undefined) return <ShownOnce of={changed} close={close} />;
  return (
    <ActForm
      verb="Set the password"
      close={close}
      run={() => setPassword(username, password)}
      done={(result) => {
        say(`${username} has a new password`);
        if (result.password === undefined) close();
        else setChanged(result);
      }}
    >
      {(error) => (
        <>
          <p>Every session of {username} ends at once.</p>
          <PasswordField value={password} change={change} wrong={fieldProblems(error)['password']} />
        </>
      )}
    </ActForm>
  );
}

interface PasswordFieldProps {
  readonly value: string;
  readonly change: (value: string) => void;
  readonly wrong: string | undefined;
}

function PasswordField({ value, change, wrong }: PasswordFieldProps) {
  return (
    <Field
      label="Password"
      hint="Leave it empty: the console then makes one, and shows it once."
      wrong={wrong}
    >
      {(props) => (
        <input
          {...props}
          type="password"
          autoComplete="new-password"
          value={value}
          onChange={({ target }) => change(target.value)}
        />
      )}
    </Field>
  );
}

/** Only the hash is stored, so this is the one moment in which the password can be read. */
function ShownOnce({ of: { username, password = '' }, close }: { of: WithPassword; close: () => void }) {
  const copy = (): void => {
    void navigator.clipboard.writeText(password).then(() => say('Copied'));
  };
  return (
    <div className="stack">
      <p>
        The password of <strong>{username}</strong> is shown only now. Give it to {username} in a safe way.
      </p>
      <output className="secret mono" aria-label="New password">
        {password}
      </output>
      <footer>
        <button type="button" onClick={copy}>
          Copy
        </button>
        <button type="button" className="primary" autoFocus onClick={close}>
          Done
        </button>
      </footer>
    </div>
  );
}
