import { CatalogError, type UserProfile } from '@catalog/contracts';
import type { Request, RequestHandler, Response } from 'express';
import session from 'express-session';
import { cookieFor } from './origin.ts';
import { browserName } from './browser-name.ts';
import type { SessionStore } from './session-store.ts';

export interface SessionOptions {
  readonly store: SessionStore;
  readonly secret: string;
  /** The address of the console in a browser. */
  readonly origin: string;
}

/** Finds the session of a request. Session ids come from uid-safe and have 24 random bytes. */
export function sessions(options: SessionOptions): RequestHandler {
  const { name, secure } = cookieFor(options.origin);
  return session({
    name,
    secret: options.secret,
    store: options.store,
    resave: false,
    saveUninitialized: false,
    // Without Max-Age the cookie ends with the browser. Our own limits end the session earlier.
    cookie: { httpOnly: true, sameSite: 'strict', path: '/', secure },
  });
}

/** Beyond this machine, refuses plain HTTP with a reason. Without it, the browser would silently drop the cookie. */
export function requireTls(origin: string): RequestHandler {
  const { secure } = cookieFor(origin);
  return (req, _res, next) => {
    if (!secure || req.secure) next();
    else
      next(
        new CatalogError(
          'forbidden',
          'This request came without TLS. If a proxy terminates TLS, name it in TRUSTED_PROXIES and let it send X-Forwarded-Proto.',
        ),
      );
  };
}

/** Begins a session under a new id and ignores the id in the request (ASVS 7.2.4). */
export async function beginSession(req: Request, profile: UserProfile, now_ms: number): Promise<void> {
  await completed((done) => req.session.regenerate(done));
  req.session.signedIn = {
    accountId: profile.id,
    username: profile.username,
    passwordChangedAt: profile.passwordChangedAt,
    browser: browserName(req.get('user-agent')),
    at_ms: now_ms,
  };
  await completed((done) => req.session.save(done));
}

/** Ends the session on the server too, so that a copy of the cookie is worthless (ASVS 7.4.1). */
export async function endSession(req: Request, res: Response, origin: string): Promise<void> {
  await completed((done) => req.session.destroy(done));
  const { name, secure } = cookieFor(origin);
  res.clearCookie(name, { httpOnly: true, sameSite: 'strict', path: '/', secure });
}

/** express-session reports the end of its work to a callback. */
function completed(start: (done: (error: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error instanceof Error ? error : new Error('express-session failed', { cause: error }));
    });
  });
}
