/** Who may do what: everything behind `requireSignIn` needs a session, what changes something needs an admin. */
import type { Cached } from '@catalog/cache';
import { CatalogError, type UserProfile, type UserRole } from '@catalog/contracts';
import type { RequestHandler, Response } from 'express';
import type { SessionData } from 'express-session';
import type { Accounts } from '../accounts/accounts.ts';
import { endSession } from './sessions.ts';

type SessionUser = NonNullable<SessionData['signedIn']>;

export interface SignedIn extends SessionUser {
  readonly role: UserRole;
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
 * 401 without a session. The profile is the cached one, which a changed role or password and a removed user leave
 * within the bound; it is enough to look, and never enough to be sent away: that is asked of Postgres. While Postgres
 * does not answer, who is signed in may look, which is when looking matters, but not act.
 */
export function requireSignIn(options: {
  profiles: Pick<Cached<[id: string], UserProfile>, 'read'>;
  accounts: Pick<Accounts, 'find'>;
  origin: string;
}): RequestHandler {
  const current = async ({ accountId, passwordChangedAt }: SessionUser): Promise<UserProfile | null> => {
    const isOf = (profile: UserProfile | null) => profile?.passwordChangedAt === passwordChangedAt;
    const { value, source } = await options.profiles.read(accountId);
    if (source !== 'stale' && isOf(value)) return value;
    const profile = await options.accounts.find(accountId);
    return isOf(profile) ? profile : null;
  };

  return async (req, res, next) => {
    const { signedIn } = req.session;
    if (signedIn === undefined) {
      next(new CatalogError('unauthenticated', 'Sign in first.'));
      return;
    }
    let profile: UserProfile | null;
    try {
      profile = await current(signedIn);
    } catch {
      res.locals.signedIn = { ...signedIn, role: 'viewer', confirmed: false };
      next();
      return;
    }
    if (profile === null) {
      await endSession(req, res, options.origin);
      next(new CatalogError('unauthenticated', 'Sign in again: the account has changed.'));
      return;
    }
    res.locals.signedIn = { ...signedIn, role: profile.role, confirmed: true };
    next();
  };
}

/** 403 for viewers. Who acts is looked up in Postgres: whoever could write into the cache would else be an admin. */
export function requireAdmin({ accounts }: { accounts: Pick<Accounts, 'find'> }): RequestHandler {
  return async (_req, res, next) => {
    const { accountId, passwordChangedAt } = signedIn(res);
    let profile: UserProfile | null;
    try {
      profile = await accounts.find(accountId);
    } catch {
      next(
        new CatalogError('unavailable', 'Postgres does not say who is an admin right now.', {
          retryAfterSeconds: 1,
        }),
      );
      return;
    }
    if (profile?.role === 'admin' && profile.passwordChangedAt === passwordChangedAt) next();
    else next(new CatalogError('forbidden', 'Only an admin may do this.'));
  };
}
