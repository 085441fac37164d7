import { CatalogError, type UserProfile } from '@catalog/contracts';
import type { Clock } from '@catalog/service-kit';
import type { Request, RequestHandler, Response } from 'express';
import session from 'express-session';
import type { Redis } from 'ioredis';
import { isLoopback } from './origin.ts';
import { SessionStore } from './session-store.ts';

export interface SessionOptions {
  readonly redis: Redis;
  readonly secret: string;
  /** The console's own, as browsers name it. */
  readonly origin: string;
  readonly clock: Pick<Clock, 'now'>;
}

/** The name and the attributes of the cookie (ASVS 3.3): off this machine it travels over TLS only. */
export function cookieFor(origin: string): { name: string; secure: boolean } {
  const secure = !isLoopback(new URL(origin).hostname);
  return { name: secure ? '__Host-console' : 'console', secure };
}

/** Finds the session of a request. Ids come from uid-safe: 24 random bytes. */
export function sessions(options: SessionOptions): RequestHandler {
  const { name, secure } = cookieFor(options.origin);
  return session({
    name,
    secret: options.secret,
    store: new SessionStore(options.redis, options.clock),
    resave: false,
    saveUninitialized: false,
    // No Max-Age: gone with the browser, and before that by our own limits.
    cookie: { httpOnly: true, sameSite: 'strict', path: '/', secure },
  });
}

/** Off this machine, says why nobody can sign in, where else the cookie would silently not be set. */
export function requireTls(origin: string): RequestHandler {
  const { secure } = cookieFor(origin);
  return (req, _res, next) => {
    if (!secure || req.secure) next();
    else
      next(
        new CatalogError(
          'forbidden',
          'The console is reached without TLS. If a proxy ends it, name the proxy in TRUSTED_PROXIES and let it send X-Forwarded-Proto.',
        ),
      );
  };
}

/** Under a new id, whatever id came with the request (ASVS 7.2.4). */
export async function beginSession(req: Request, profile: UserProfile, now_ms: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    req.session.regenerate((error: unknown) => (error ? reject(asError(error)) : resolve()));
  });
  req.session.signedIn = {
    accountId: profile.id,
    username: profile.username,
    passwordChangedAt: profile.passwordChangedAt,
    at_ms: now_ms,
  };
  await new Promise<void>((resolve, reject) => {
    req.session.save((error: unknown) => (error ? reject(asError(error)) : resolve()));
  });
}

/** On the server too: a copy of the cookie is worth nothing afterwards (ASVS 7.4.1). */
export async function endSession(req: Request, res: Response, origin: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    req.session.destroy((error: unknown) => (error ? reject(asError(error)) : resolve()));
  });
  const { name, secure } = cookieFor(origin);
  res.clearCookie(name, { httpOnly: true, sameSite: 'strict', path: '/', secure });
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
