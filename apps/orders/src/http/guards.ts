import type { RequestHandler } from 'express';

/** Who may call a route; each authenticates, checks the scope and counts the request. */
export interface Guards {
  readonly mayRead: RequestHandler;
  readonly mayWrite: RequestHandler;
}
