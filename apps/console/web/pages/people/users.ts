import { queryOptions } from '@tanstack/react-query';
import { callApi, getJson } from '../../http/api.ts';
import type { Role } from '../../http/me.ts';

/** A person as an admin sees it. */
export interface User {
  readonly username: string;
  readonly role: Role;
  readonly createdAt: string;
  readonly lastSeenAt: string | null;
  /** Where the person is signed in. */
  readonly sessions: number;
}

export const usersQuery = queryOptions({
  queryKey: ['users'],
  queryFn: ({ signal }) => getJson<{ data: readonly User[] }>('/api/users', signal),
  refetchInterval: 5_000,
});

/** What a role may do, as a person reads it. The server decides. */
export const roles: Readonly<Record<Role, string>> = {
  viewer: 'looks at everything',
  editor: 'also changes products, stock and orders',
  admin: 'may do everything',
};

/** `password` is set if the console has made it. Nobody can ask for it again. */
export interface WithPassword {
  readonly username: string;
  readonly password?: string;
}

const at = (username: string): string => `/api/users/${encodeURIComponent(username)}`;
const given = (password: string) => (password === '' ? {} : { password });

export const addUser = async (username: string, role: Role, password: string): Promise<WithPassword> =>
  (
    await callApi<WithPassword>('/api/users', {
      method: 'POST',
      json: { username, role, ...given(password) },
    })
  ).body;

export const setRole = (username: string, role: Role): Promise<unknown> =>
  callApi(at(username), { method: 'PATCH', json: { role } });

export const setPassword = async (username: string, password: string): Promise<WithPassword> =>
  (await callApi<WithPassword>(`${at(username)}/password`, { method: 'POST', json: given(password) })).body;

export const removeUser = (username: string): Promise<unknown> => callApi(at(username), { method: 'DELETE' });

export const signOutEverywhere = async (username: string): Promise<number> =>
  (await callApi<{ ended: number }>(`${at(username)}/sessions`, { method: 'DELETE' })).body.ended;
