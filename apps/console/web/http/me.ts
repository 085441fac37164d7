import { queryOptions, useQuery } from '@tanstack/react-query';
import { getJson } from './api.ts';

export type Role = 'viewer' | 'editor' | 'admin';

export interface Me {
  readonly username: string;
  readonly role: Role;
  /** False while Postgres does not answer. Then everybody may only look. */
  readonly confirmed: boolean;
  /** This is a local stack, which an admin may break to see what happens. */
  readonly breaksStack: boolean;
}

/** The frame of the page asks again every two seconds, so that a changed role or an ended session shows at once. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => getJson<Me>('/api/me', signal),
});

const ranks: Readonly<Record<Role, number>> = { viewer: 0, editor: 1, admin: 2 };

/** Whether the signed-in user has this role or a higher one. It only hides buttons: the server checks every call. */
export function useMay(role: Role): boolean {
  const { data } = useQuery(meQuery);
  return data !== undefined && ranks[data.role] >= ranks[role];
}
