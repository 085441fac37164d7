import { useState } from 'react';
import { Field } from '../../elements/field.tsx';
import { say } from '../../elements/say.ts';
import { callApi, fieldProblems } from '../../http/api.ts';
import { ActForm } from './act-form.tsx';

export function OwnPassword({ close }: { close: () => void }) {
  const [present, setPresent] = useState('');
  const [password, setPassword] = useState('');
  return (
    <ActForm
      verb="Change the password"
      close={close}
      run={() => callApi('/api/me/password', { method: 'PUT', json: { present, password } })}
      done={() => {
        say('Your password is changed');
        close();
      }}
    >
      {(error) => (
        <>
          <p>You stay signed in here. Every other session of yours ends at once.</p>
          <Field label="Present password" wrong={fieldProblems(error)['present']}>
            {(props) => (
              <input
                {...props}
                type="password"
                required
                autoComplete="current-password"
                value={present}
                onChange={({ target }) => setPresent(target.value)}
              />
            )}
          </Field>
          <Field label="New password" wrong={fieldProblems(error)['password']}>
            {(props) => (
              <input
                {...props}
                type="password"
                required
                autoComplete="new-password"
                value={password}
                onChange={({ target }) => setPassword(target.value)}
              />
            )}
          </Field>
        </>
      )}
    </ActForm>
  );
}
