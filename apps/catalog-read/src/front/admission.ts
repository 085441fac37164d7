import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import {
  type Authenticate,
  callerKeyOf,
  type ImmediateLimit,
  isNextOnSocket,
  type PlainHeaders,
  plainHeaders,
  rateLimitPolicy,
  rateLimitState,
} from '@catalog/service-kit';
import { readScope } from '../products/read-scope.ts';

/** A request that may be answered in front of Express. It counts against the limit of its caller by now. */
export interface Admitted {
  /** As `callerKey` gives it to the routes. */
  readonly callerKey: string;
  readonly ifNoneMatch: string | undefined;
  /** The value of `RateLimit`. */
  readonly limit: string;
  /** When the caller gives up, by `performance.now()`; Infinity if it does not say. */
  readonly until_ms: number;
}

/** What the routes do before their handlers: unusual headers, the token, its scope, the limit of the caller. */
export class Admission {
  readonly #authenticate: Authenticate;
  readonly #rateLimiter: ImmediateLimit;
  /** The value of `RateLimit-Policy`. */
  readonly policy: string;

  constructor(deps: { authenticate: Authenticate; rateLimiter: ImmediateLimit }) {
    this.#authenticate = deps.authenticate;
    this.#rateLimiter = deps.rateLimiter;
    this.policy = rateLimitPolicy(deps.rateLimiter);
  }

  /**
   * @param waits whether its answer may take time, so that it matters for how long the caller waits
   * @param cost as how many requests it counts
   * @returns undefined if that is for Express to say. Nothing is taken then
   */
  admit(req: IncomingMessage, res: ServerResponse, waits: boolean, cost: number): Admitted | undefined {
    if (!isNextOnSocket(res)) return undefined;
    const headers = plainHeaders(req);
    return headers && this.admitPlain(headers, req.socket, waits, cost);
  }

  /** As `admit`, for a request whose headers are read. Nothing is before it on its connection. */
  admitPlain(
    { authorization, ifNoneMatch, requestTimeout }: PlainHeaders,
    socket: Socket,
    waits: boolean,
    cost: number,
  ): Admitted | undefined {
    let until_ms = Number.POSITIVE_INFINITY;
    if (waits && requestTimeout !== undefined) {
      if (!/^\d{1,9}$/.test(requestTimeout)) return undefined;
      until_ms = performance.now() + Number(requestTimeout);
    }
    const caller = this.#authenticate.callerNow(authorization);
    if (caller === undefined || !caller.scopes.has(readScope)) return undefined;
    // The last question, because it takes something. A refusal takes nothing, and Express says it.
    const callerKey = callerKeyOf(caller, socket.remoteAddress);
    const decision = this.#rateLimiter.takeHere(callerKey, cost);
    if (decision === undefined || !decision.allowed) return undefined;
    return { callerKey, ifNoneMatch, limit: rateLimitState(decision), until_ms };
  }

  /** For answers that take the same way out as those of the routes. */
  setHeaders(res: ServerResponse, { limit }: Admitted): void {
    if (res.headersSent) return;
    res.setHeader('RateLimit-Policy', this.policy);
    res.setHeader('RateLimit', limit);
  }
}
