/** Who may do what: everything behind `requireSignIn` needs a session, what changes something needs an admin. */
import { CatalogError } from '@catalog/contracts';
import type { Clock } from '@catalog/service-kit';
import type { RequestHandler, Response } from 'express';
import type { Account, Accounts, Role } from '../accounts/accounts.ts';
import { sessionLimits } from './limits.ts';
import { endSession } from './sessions.ts';

export interface SignedIn {
  readonly username: string;
  readonly role: Role;
  /** False while Postgres does not say; then everybody only looks. */
  readonly confirmed: boolean;
}

declare global {
  // Express' own place for what middleware knows about a request.
  namespace Express {
    interface Locals {
      /** Set by `requireSignIn`. */
      signedIn?: SignedIn;
    }
  }
}

export function signedIn(res: Response): SignedIn {
  const { signedIn } = res.locals;
  if (signedIn === undefined) throw new Error('a route that needs a sign-in is not behind requireSignIn');
  return signedIn;
}

/**
 * 401 without a session. The account is looked up again, so that a changed role or password and a removed
 * account count within seconds. While Postgres does not answer, who is signed in may look, which is when
 * looking matters, but not act.
 */
export function requireSignIn(options: {
  accounts: Pick<Accounts, 'find'>;
  clock: Pick<Clock, 'monotonic'>;
  origin: string;
}): RequestHandler {
  const known = new Map<string, { account: Account | undefined; until_ms: number }>();

  const current = async (id: string): Promise<Account | undefined> => {
    const now_ms = options.clock.monotonic();
    const remembered = known.get(id);
    if (remembered !== undefined && remembered.until_ms > now_ms) return remembered.account;
    const account = await options.accounts.find(id);
    for (const [other, { until_ms }] of known) if (until_ms <= now_ms) known.delete(other);
    known.set(id, { account, until_ms: now_ms + sessionLimits.accountMemory_ms });
    return account;
  };

  return async (req, res, next) => {
    const { signedIn } = req.session;
    if (signedIn === undefined) {
      next(new CatalogError('unauthenticated', 'Sign in first.'));
      return;
    }
    let account: Account | undefined;
    try {
      account = await current(signedIn.accountId);
    } catch {
      res.locals.signedIn = { username: signedIn.username, role: 'viewer', confirmed: false };
      next();
      return;
    }
    if (account === undefined || account.passwordChangedAt !== signedIn.passwordChangedAt) {
      await endSession(req, res, options.origin);
      next(new CatalogError('unauthenticated', 'Sign in again: the account has changed.'));
      return;
    }
    res.locals.signedIn = { username: account.username, role: account.role, confirmed: true };
    next();
  };
}

/** 403 for viewers. */
export const requireAdmin: RequestHandler = (_req, res, next) => {
  const { role, confirmed } = signedIn(res);
  if (role === 'admin') next();
  else if (confirmed) next(new CatalogError('forbidden', 'Only an admin may do this.'));
  else
    next(
      new CatalogError('unavailable', 'Postgres does not say who is an admin right now.', {
        retryAfterSeconds: 1,
      }),
    );
};
