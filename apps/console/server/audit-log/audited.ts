import type { Request, RequestHandler, Response } from 'express';
import { signedIn } from '../sessions/access.ts';
import type { ActionLog } from './action-log.ts';

/** A handler sets this where the path of its request does not say enough: the target of the action, and its details. */
export interface Acted {
  readonly target?: string | undefined;
  readonly detail?: unknown;
}

declare global {
  namespace Express {
    interface Locals {
      acted?: Acted;
    }
  }
}

/** The caller left before the answer, as nginx logs it. */
const callerLeft = 499;

/** Stands before the guards of a route, so that refused attempts are recorded too. */
export function audited(
  actions: Pick<ActionLog, 'record'>,
  nameOf: string | ((req: Request) => { action: string; target?: string } | undefined),
): RequestHandler {
  return (req, res, next) => {
    const named = typeof nameOf === 'string' ? { action: nameOf, target: undefined } : nameOf(req);
    // After an error the request is no longer in its route, and has no parameters.
    const parameter = firstParameter(req);
    if (named !== undefined)
      res.on('close', () => {
        void actions.record({
          username: signedIn(res).username,
          action: named.action,
          target: res.locals.acted?.target ?? named.target ?? parameter,
          status: res.writableFinished ? res.statusCode : callerLeft,
          detail: res.locals.acted?.detail,
        });
      });
    next();
  };
}

/** For the log: what a handler has learned about the action. */
export function noteActed(res: Response, acted: Acted): void {
  res.locals.acted = { ...res.locals.acted, ...acted };
}

function firstParameter({ params }: Request): string | undefined {
  const [first] = Object.values(params);
  return typeof first === 'string' ? first : undefined;
}
