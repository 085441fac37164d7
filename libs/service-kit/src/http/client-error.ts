import type { Socket } from 'node:net';
import { CatalogError } from '@catalog/contracts';
import { toProblem } from '../problems/problem.ts';
import { newRequestId } from './request-id.ts';

/** The catalogue's error for one of Node's HTTP parser or its timeouts. */
function fromParser(code: string | undefined): CatalogError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new CatalogError('headers_too_large', 'The request line and headers may have 16 KiB in all.');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new CatalogError('body_too_large', 'The chunk extensions are too large.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new CatalogError('request_timeout', 'The request did not arrive in time.');
    default:
      return new CatalogError('malformed_request', 'The request is not well-formed HTTP/1.1.');
  }
}

/** A whole HTTP answer for a socket that has no response object. It ends the connection. */
export function rawProblem(error: CatalogError, headers: Record<string, string> = {}): string {
  const requestId = newRequestId();
  const problem = toProblem(error, requestId);
  const body = JSON.stringify(problem);
  const lines = Object.entries({
    'Content-Type': 'application/problem+json',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': requestId,
    Date: new Date().toUTCString(),
    Connection: 'close',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${problem.status} ${problem.title}\r\n${lines.join('')}\r\n${body}`;
}

/** Call it only when no other answer is under way on this socket, because two answers would mix. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  endWith(socket, rawProblem(fromParser(error.code)));
}

/**
 * Answers and reads on for a moment. Closing a socket with unread bytes resets the connection, and the reset can overtake
 * the answer.
 */
export function endWith(socket: Socket, answer: string): void {
  socket.end(answer);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), 1_000);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
