import type { IncomingMessage, ServerResponse } from 'node:http';

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

function connectionLines({ _keepAliveTimeout: keepAlive_ms }: Internals, stays: boolean): string {
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

/**
 * Answers with a head that is already text, and a body in `latin1`. `writeHead` would check and join the headers again for every
 * answer, which costs as much as all the work of the cache for it.
 *
 * @param res answers a request of HTTP/1.1, and has no headers yet
 * @param head the header lines, each with its line end. They are not checked, so they must contain nothing that a client sent
 * @param body undefined for an answer without one, such as a 304 or one to a HEAD
 */
export function endReady(
  res: ServerResponse,
  status: keyof typeof statusLines,
  head: string,
  body: string | undefined,
): void {
  const inner = res as unknown as Internals;
  const stays = res.shouldKeepAlive;
  res.statusCode = status;
  if (status === 304) inner._hasBody = false;
  if (!stays) inner._last = true;
  inner._header = `${statusLines[status]}${head}${dateLine()}${connectionLines(inner, stays)}\r\n`;
  if (body === undefined) res.end();
  else res.end(body, 'latin1');
}
