import { CatalogError, printable } from '@catalog/contracts';
import type { RequestHandler, Response } from 'express';
import type { Readiness } from '../health/readiness.ts';
import { systemClock, type Clock } from '../lifecycle/clock.ts';
import type { Logger } from '../logging/logger.ts';
import { keyFile } from './keys.ts';
import { anonymousCaller, isAnonymous, tokenVerifier, type Caller } from './verify.ts';

declare global {
  // Express declares this namespace for properties that middleware adds.
  namespace Express {
    interface Request {
      /** Set by `authenticate`. */
      caller?: Caller;
    }
  }
}

export interface AuthenticateOptions {
  readonly jwksFile: string;
  /** The `aud` of tokens for this service. */
  readonly audience: string;
  readonly issuer?: string;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Shows when the file of keys is broken. */
  readonly readiness?: Pick<Readiness, 'warn'>;
  /** The scopes of a request without a token (`ALLOW_ANONYMOUS_READS`). A wrong token is still refused. */
  readonly anonymousScopes?: readonly string[];
}

export const tokenIssuer = 'catalog-auth';

function challenge(res: Response, parameters: string): void {
  res.setHeader('WWW-Authenticate', `Bearer realm="catalog"${parameters}`);
}

export interface Authenticate extends RequestHandler {
  /**
   * The caller of an `Authorization` header, or of a request without one, if that is known at once. Otherwise undefined:
   * the middleware then checks the token, or answers.
   */
  callerNow(authorization: string | undefined): Caller | undefined;
}

/** Reads the keys at once, and throws if it cannot. The middleware sets `req.caller` or answers 401. */
export function authenticate(options: AuthenticateOptions): Authenticate {
  const clock = options.clock ?? systemClock;
  const keys = keyFile({ file: options.jwksFile, clock, log: options.log });
  options.readiness?.warn('service keys', async () => keys.problem());
  const verifier = tokenVerifier({
    keys,
    audience: options.audience,
    issuer: options.issuer ?? tokenIssuer,
    clock,
  });
  const anonymous: Caller | undefined =
    options.anonymousScopes === undefined || options.anonymousScopes.length === 0
      ? undefined
      : { ...anonymousCaller, scopes: new Set(options.anonymousScopes) };

  const middleware: RequestHandler = (req, res, next) => {
    const header = req.headers.authorization;
    if (header === undefined && anonymous !== undefined) {
      req.caller = anonymous;
      next();
      return undefined;
    }
    const refuse = (error: unknown): void => {
      challenge(res, header === undefined ? '' : ', error="invalid_token"');
      next(error);
    };
    if (header === undefined) {
      refuse(new CatalogError('unauthenticated', 'Send "Authorization: Bearer <token>".'));
      return undefined;
    }
    const later = async (checking: Promise<Caller>): Promise<void> => {
      try {
        req.caller = await checking;
      } catch (error) {
        refuse(error);
        return;
      }
      next();
    };
    let caller: Caller | Promise<Caller>;
    try {
      caller = verifier.verify(header);
    } catch (error) {
      refuse(error);
      return undefined;
    }
    if (caller instanceof Promise) return later(caller);
    req.caller = caller;
    next();
    return undefined;
  };
  return Object.assign(middleware, {
    callerNow: (header: string | undefined) =>
      header === undefined ? anonymous : verifier.remembered(header),
  });
}

/** Runs after `authenticate`. Answers 403 if the caller has none of the scopes, or 401 if it sent no token. */
export function requireScope(scope: string, ...others: readonly string[]): RequestHandler {
  const enough = [scope, ...others];
  return (req, res, next) => {
    const { caller } = req;
    if (caller !== undefined && enough.some((one) => caller.scopes.has(one))) {
      next();
      return;
    }
    if (caller === undefined || isAnonymous(caller)) {
      challenge(res, '');
      next(new CatalogError('unauthenticated', `Send a token with the scope ${scope}.`));
      return;
    }
    challenge(res, `, error="insufficient_scope", scope="${scope}"`);
    const granted = [...caller.scopes].join(' ') || 'none';
    next(
      new CatalogError('forbidden', `The token needs the scope ${scope}; it has ${printable(granted, 200)}.`),
    );
  };
}
