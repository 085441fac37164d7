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

/** The text of an answer to a request that no route sees. It ends the connection. */
export function rawProblem(error: CatalogError, more: Record<string, string> = {}): string {
  const requestId = newRequestId();
  const { status, title, ...problem } = toProblem(error, requestId);
  const body = JSON.stringify({ status, title, ...problem });
  const headers: Record<string, string> = {
    'Content-Type': 'application/problem+json',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': requestId,
    Date: new Date().toUTCString(),
    Connection: 'close',
  };
  const lines = Object.entries({ ...headers, ...more }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${title}\r\n${lines.join('')}\r\n${body}`;
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
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.on('error', () => socket.destroy());
  socket.end(answer);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), 1_000);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
