import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestSeries } from '../metrics/request-histogram.ts';

/**
 * Undocumented fields of a Node response. They may change with Node, so the repository pins its version, and a test compares the
 * bytes of these answers with those of `writeHead`.
 */
interface Internals {
  _header: string | null;
  _hasBody: boolean;
  /** Whether the connection ends with this answer. */
  _last: boolean;
  readonly _keepAliveTimeout: number;
}

const statusLines = { 200: 'HTTP/1.1 200 OK\r\n', 304: 'HTTP/1.1 304 Not Modified\r\n' } as const;

let date = '';
let date_s = -1;

function dateLine(): string {
  const now_s = Math.floor(Date.now() / 1_000);
  if (now_s !== date_s) {
    date_s = now_s;
    date = `Date: ${new Date(now_s * 1_000).toUTCString()}\r\n`;
  }
  return date;
}

let staysLines = '';
let stays_ms = -1;

function connectionLines(keepAlive_ms: number, stays: boolean): string {
  if (!stays) return 'Connection: close\r\n';
  if (keepAlive_ms !== stays_ms) {
    stays_ms = keepAlive_ms;
    const timeout = keepAlive_ms > 0 ? `Keep-Alive: timeout=${Math.floor(keepAlive_ms / 1_000)}\r\n` : '';
    staysLines = `Connection: keep-alive\r\n${timeout}`;
  }
  return staysLines;
}

/** Whether `endReady` can answer the request. */
export const takesReadyAnswer = ({ httpVersionMajor, httpVersionMinor }: IncomingMessage): boolean =>
  httpVersionMajor === 1 && httpVersionMinor === 1;

/** An answer whose head is already text. `writeHead` would check and join the headers again for every answer. */
export interface ReadyAnswer {
  readonly status: keyof typeof statusLines;
  /** The header lines, each with its line end. Nobody checks them, so they must contain nothing that a client sent. */
  readonly head: string;
  /** A string is in `latin1`. undefined for an answer without a body, such as a 304 or one to a HEAD. */
  readonly body: string | Buffer | undefined;
  /** Counts the answer. */
  readonly series: RequestSeries;
  /** When its request came, by `performance.now()`. */
  readonly began_ms: number;
}

/** @param res answers a request of HTTP/1.1, and has no headers yet */
export function endReady(res: ServerResponse, answer: ReadyAnswer): void {
  const { status, body } = answer;
  const inner = res as unknown as Internals;
  const stays = res.shouldKeepAlive;
  res.statusCode = status;
  if (status === 304) inner._hasBody = false;
  if (!stays) inner._last = true;
  inner._header = headOf(answer, inner._keepAliveTimeout, stays);
  if (body === undefined) res.end();
  else res.end(body, 'latin1');
}

/** Writes the answer as `endReady` does, to a connection that no response of Node writes to. */
export function writeReady(
  socket: Socket,
  answer: ReadyAnswer,
  connection: { keepAlive_ms: number; stays: boolean },
): void {
  const { body } = answer;
  const head = headOf(answer, connection.keepAlive_ms, connection.stays);
  if (typeof body === 'object') {
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(body);
    socket.uncork();
  } else socket.write(head + (body ?? ''), 'latin1');
}

const headOf = ({ status, head }: ReadyAnswer, keepAlive_ms: number, stays: boolean): string =>
  `${statusLines[status]}${head}${dateLine()}${connectionLines(keepAlive_ms, stays)}\r\n`;
