import type { ServerResponse } from 'node:http';
import type { Request } from 'express';
import { sendProblem } from '../problems/problem.ts';
import { translate } from '../problems/translate.ts';
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
  if (error.code === 'rate_limited') setTimeout(send, refusals.next_ms());
  else send();
}

const refusals = new RefusalPace();
