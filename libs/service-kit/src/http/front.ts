import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { REQUEST_TIMEOUT_HEADER } from '@catalog/contracts';
import type { Express } from 'express';
import type { Logger } from '../logging/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RequestSeries } from '../metrics/request-histogram.ts';
import { clientClosedRequest, observeRequests, slowRequest_ms } from './observe.ts';
import type { ReadyAnswer } from './ready-answer.ts';

/** answered: the answer is complete · later: the front will answer · passedOn: untouched, for Express */
export type FrontAnswer = 'answered' | 'later' | 'passedOn';

/**
 * Stands in front of Express and answers the frequent requests that need none of it, as Express would. The server asks it
 * first, except while it drains. For the server, a request that is answered later is one like those of Express.
 */
export interface Front {
  /** @param found by `answerRepeated` for this request, just now */
  answer(req: IncomingMessage, res: ServerResponse, found?: Found): FrontAnswer;
  /**
   * Gives the answer that `answer` would send. undefined: it has done nothing, and `answer` is asked next. `Found`: it has read, and
   * `answer` is asked next with the result. Its promise never rejects.
   */
  answerRepeated?(request: PlainRequest): ReadyAnswer | Promise<ReadyAnswer | Found> | undefined;
  /** Called for an answer of `answerRepeated` whose client left before it had taken all of it. */
  left?(answer: ReadyAnswer): void;
}

/** The result of a read that only `answer` can send, such as an error. Its front knows what else is in it. */
export abstract class Found {
  /** When the request came, by `performance.now()`. */
  abstract readonly began_ms: number;
}

/** A GET of HTTP/1.1 without a body, on a connection whose earlier answers are sent. */
export interface PlainRequest {
  /** As the client wrote it, and checked by nobody. */
  readonly url: string;
  readonly headers: PlainHeaders;
  readonly socket: Socket;
}

const fronts = new WeakMap<Express, Front>();

export function putInFront(app: Express, front: Front): void {
  fronts.set(app, front);
}

export function frontOf(app: Express): Front | undefined {
  return fronts.get(app);
}

/** The request headers that a front reads. */
export interface PlainHeaders {
  readonly authorization: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly requestTimeout: string | undefined;
}

const found = {
  authorization: undefined as string | undefined,
  ifNoneMatch: undefined as string | undefined,
  requestTimeout: undefined as string | undefined,
};

/**
 * The headers of a request without a body and without anything unusual; undefined for any other, which belongs to
 * Express. It reads the raw list: Node makes `req.headers` of it only when somebody asks, and nobody does here.
 *
 * @returns an object that the next call changes: read it at once
 */
export function plainHeaders({ rawHeaders }: IncomingMessage): PlainHeaders | undefined {
  let hosts = 0;
  found.authorization = undefined;
  found.ifNoneMatch = undefined;
  found.requestTimeout = undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    // Most names are ruled out by their length.
    switch (name.length) {
      case 4:
        if (is(name, 'Host')) hosts += 1;
        break;
      case 13:
        if (is(name, 'Authorization')) {
          if (found.authorization !== undefined) return undefined;
          found.authorization = rawHeaders[index + 1];
        } else if (is(name, 'If-None-Match')) {
          if (found.ifNoneMatch !== undefined) return undefined;
          found.ifNoneMatch = rawHeaders[index + 1];
        }
        break;
      case 6:
        if (is(name, 'Expect')) return undefined;
        break;
      case 11:
        if (is(name, 'Min-Version')) return undefined;
        break;
      case 14:
        if (is(name, 'Content-Length')) return undefined;
        break;
      case 15:
        // It may change the address of the caller.
        if (is(name, 'X-Forwarded-For')) return undefined;
        break;
      case 17:
        if (is(name, 'Transfer-Encoding')) return undefined;
        break;
      case 18:
        if (is(name, REQUEST_TIMEOUT_HEADER)) {
          if (found.requestTimeout !== undefined) return undefined;
          found.requestTimeout = rawHeaders[index + 1];
        }
        break;
      default:
    }
  }
  return hosts === 1 ? found : undefined;
}

/** The first letter rules out most names of the same length, such as Accept-Encoding. */
function is(name: string, wanted: string): boolean {
  if ((name.charCodeAt(0) | 0x20) !== (wanted.charCodeAt(0) | 0x20)) return false;
  return name === wanted || name.toLowerCase() === wanted.toLowerCase();
}

/** Observes requests that a front answers, as `observeRequests` does with all others. */
export function observeFront(options: { metrics: Metrics; log: Logger }) {
  const observe = observeRequests(options);
  return {
    /** Every request leaves a log record: that is the work of Express. */
    isLogged: () => options.log.isLevelEnabled('debug'),
    series: (method: string, route: string, status: number): RequestSeries =>
      options.metrics.httpRequest.series(method, route, status),
    /** Call it when the front will answer later. */
    began(res: ServerResponse, route: string, began_ms: number): void {
      const observed = res as Parameters<typeof observe>[0];
      observed.req.route = { path: route };
      observe(observed, began_ms);
    },
    /** Call it for a client that left before its answer. */
    left(series: RequestSeries, began_ms: number): void {
      const { method, route } = series.labels;
      const taken_s = (performance.now() - began_ms) / 1_000;
      options.metrics.httpRequest.observe(method, route, clientClosedRequest, taken_s);
    },
    /** Whether a request that began then is logged as slow. */
    isSlow: (began_ms: number) => performance.now() - began_ms >= slowRequest_ms,
    /** Call it when the answer is complete, and not for one that was given later. If the client is slow to take it, the request ends later. */
    ended(res: ServerResponse, series: RequestSeries, began_ms: number): void {
      if (res.writableFinished || (res.socket?.writableLength ?? 0) === 0)
        series.observe((performance.now() - began_ms) / 1_000);
      else this.began(res, series.labels.route, began_ms);
    },
  };
}
