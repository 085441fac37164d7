import { Field } from '../../elements/field.tsx';
import type { Role } from '../../http/me.ts';
import { roles } from './users.ts';

interface RoleFieldProps {
  readonly role: Role;
  readonly choose: (role: Role) => void;
  readonly wrong: string | undefined;
}

export function RoleField({ role, choose, wrong }: RoleFieldProps) {
  return (
    <Field label="Role" hint={roles[role]} wrong={wrong}>
      {(props) => (
        <select {...props} value={role} onChange={({ target }) => choose(target.value as Role)}>
          {Object.keys(roles).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
    </Field>
  );
}
