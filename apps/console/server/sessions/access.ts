/** Access rules: every route after `requireSignIn` needs a session, and every change needs an editor or an admin. */
import type { Wrapped } from '@catalog/cache';
import { CatalogError, type UserProfile, type UserRole } from '@catalog/contracts';
import type { Request, RequestHandler, Response } from 'express';
import type { SessionData } from 'express-session';
import type { Accounts } from '../accounts/accounts.ts';
import { endSession } from './sessions.ts';

type SessionUser = NonNullable<SessionData['signedIn']>;

export interface SignedIn extends SessionUser {
  readonly role: UserRole;
  /** False while Postgres does not answer. Then everybody may only look. */
  readonly confirmed: boolean;
  /** Whether session and user still exist. A stream asks again and again, because it has no further request. */
  readonly isStillSignedIn: () => Promise<boolean>;
}

declare global {
  // Express keeps here what middleware learned about a request.
  namespace Express {
    interface Locals {
      /** Set by `requireSignIn`. */
      signedIn?: SignedIn;
    }
  }
}

export function signedIn(res: Response): SignedIn {
  const { signedIn } = res.locals;
  if (signedIn === undefined) throw new Error('a route that needs a session is not behind requireSignIn');
  return signedIn;
}

/** The person closed the page while their rights were checked. A later listener for `close` would never be called. */
const isClosed = (res: Response): boolean => res.closed;

/**
 * Answers 401 without a session. It reads the cached profile, which follows a changed role or password and a removed user
 * within the bound. The cache can only confirm that a user may look. Before it refuses, it asks Postgres. While Postgres
 * does not answer, a signed-in user may still look, because that is when people need the console, but not act.
 */
export function requireSignIn(options: {
  profiles: Pick<Wrapped<[id: string], UserProfile>, 'read'>;
  accounts: Pick<Accounts, 'find'>;
  origin: string;
}): RequestHandler {
  const current = async ({ accountId, passwordChangedAt }: SessionUser): Promise<UserProfile | null> => {
    const isCurrent = (profile: UserProfile | null) => profile?.passwordChangedAt === passwordChangedAt;
    const { value, source } = await options.profiles.read(accountId);
    if (source !== 'stale' && isCurrent(value)) return value;
    const profile = await options.accounts.find(accountId);
    return isCurrent(profile) ? profile : null;
  };

  /** While Postgres does not answer, people may still look. */
  const mayLook = (user: SessionUser): Promise<boolean> =>
    current(user).then(
      (profile) => profile !== null,
      () => true,
    );

  return async (req, res, next) => {
    const { signedIn } = req.session;
    if (signedIn === undefined) {
      next(new CatalogError('unauthenticated', 'Sign in first.'));
      return;
    }
    const isStillSignedIn = async (): Promise<boolean> => (await isStored(req)) && (await mayLook(signedIn));
    let profile: UserProfile | null;
    try {
      profile = await current(signedIn);
    } catch {
      res.locals.signedIn = { ...signedIn, role: 'viewer', confirmed: false, isStillSignedIn };
      if (isClosed(res)) return;
      next();
      return;
    }
    if (profile === null) {
      await endSession(req, res, options.origin);
      next(new CatalogError('unauthenticated', 'Sign in again: the account has changed.'));
      return;
    }
    res.locals.signedIn = { ...signedIn, role: profile.role, confirmed: true, isStillSignedIn };
    if (isClosed(res)) return;
    next();
  };
}

/** Whether the session of this request is still in the store. */
const isStored = ({ sessionID, sessionStore }: Request): Promise<boolean> =>
  new Promise((resolve, reject) => {
    sessionStore.get(sessionID, (error: unknown, session) => {
      if (error !== undefined && error !== null)
        reject(error instanceof Error ? error : new Error('the session cannot be read', { cause: error }));
      else resolve(session !== undefined && session !== null);
    });
  });

/** What a role may do, the later ones all that the earlier ones may. */
const ranks: Readonly<Record<UserRole, number>> = { viewer: 0, editor: 1, admin: 2 };

/**
 * Answers 403 to users with a lesser role. It always asks Postgres for the role. If it trusted the cache, everybody who can
 * write to the cache Redis could become an admin.
 */
export function requireRole(
  role: Exclude<UserRole, 'viewer'>,
  { accounts }: { accounts: Pick<Accounts, 'find'> },
): RequestHandler {
  return async (_req, res, next) => {
    const { accountId, passwordChangedAt } = signedIn(res);
    let profile: UserProfile | null;
    try {
      profile = await accounts.find(accountId);
    } catch {
      next(
        new CatalogError('unavailable', 'Postgres does not answer, so your role cannot be checked.', {
          retryAfterSeconds: 1,
        }),
      );
      return;
    }
    if (isClosed(res)) return;
    const isCurrent = profile?.passwordChangedAt === passwordChangedAt;
    if (profile !== null && isCurrent && ranks[profile.role] >= ranks[role]) next();
    else next(new CatalogError('forbidden', `Only ${rolesFrom[role]} may do this. Nothing was changed.`));
  };
}

const rolesFrom = { editor: 'an editor or an admin', admin: 'an admin' } as const;
