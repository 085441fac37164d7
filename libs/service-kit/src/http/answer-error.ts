import type { ServerResponse } from 'node:http';
import type { CatalogError } from '@catalog/contracts';
import type { Request } from 'express';
import { sendProblem } from '../problems/problem.ts';
import { translate } from '../problems/translate.ts';
import { httpLimits } from './limits.ts';
import { noteFailure } from './observe.ts';
import { RefusalPace } from './refusal-pace.ts';
import { requestIdOf } from './request-id.ts';

/** The answer to a request whose handler has failed. Its log record names the error. */
export function answerError(res: ServerResponse<Request>, thrown: unknown): void {
  const error = translate(thrown);
  noteFailure(res, error);
  if (res.headersSent) {
    // The status is already out. A broken connection tells the client that the answer is incomplete.
    res.destroy();
    return;
  }
  if (error.code === 'method_not_allowed' && !res.hasHeader('Allow')) res.setHeader('Allow', 'GET, HEAD');
  const send = () => sendProblem(res, error, requestIdOf(res.req));
  const wait_ms = waitOf(error);
  if (wait_ms > 0) setTimeout(send, wait_ms);
  else send();
}

const refusals = new RefusalPace();

function waitOf({ code }: CatalogError): number {
  if (code === 'rate_limited') return refusals.next_ms(httpLimits.refusal_ms);
  // No limit counts these, and a signature takes longer to check than most answers. A single one need not wait.
  return code === 'unauthenticated' ? refusals.next_ms(0) : 0;
}
