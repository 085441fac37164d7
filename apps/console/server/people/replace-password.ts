import { CatalogError } from '@catalog/contracts';
import type { Clock } from '@catalog/service-kit';
import type { Request, Response } from 'express';
import type { Accounts } from '../accounts/accounts.ts';
import { signedIn } from '../sessions/access.ts';
import type { SessionStore } from '../sessions/session-store.ts';
import { beginSession } from '../sessions/sessions.ts';

export interface PasswordDependencies {
  readonly accounts: Accounts;
  readonly sessions: SessionStore;
  readonly clock: Pick<Clock, 'now'>;
}

/** Sets a password and ends every session of that person. A person who did this stays signed in, in a new session (ASVS 7.2.4). */
export async function replacePassword(
  { accounts, sessions, clock }: PasswordDependencies,
  req: Request,
  res: Response,
  change: { username: string; password: string },
): Promise<void> {
  const id = await accounts.setPassword(change.username, change.password);
  if (id === undefined) throw noSuchUser(change.username);
  await sessions.endAll(id);
  const own = id === signedIn(res).accountId ? await accounts.find(id) : null;
  if (own !== null) await beginSession(req, own, clock.now());
}

export const noSuchUser = (username: string): CatalogError =>
  new CatalogError('not_found', `There is no user ${username}.`);
