import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../logging/logger.ts';
import { type Front, type PlainHeaders, plainHeaders } from './front.ts';
import { type ReadyAnswer, readyText } from './ready-answer.ts';

export interface RepeatedRequestsOptions {
  readonly front: Front;
  /** Whether a request of this connection may be served now. */
  readonly admits: (socket: Socket) => boolean;
  /** Called when an answer is written. */
  readonly answered: (socket: Socket) => void;
  readonly isDraining: () => boolean;
  readonly log: Logger;
}

/** What stands behind the address in a request, with the headers that `node:http` has read from it. */
interface Known {
  readonly text: string;
  readonly headers: PlainHeaders;
}

type OnData = (chunk: Buffer) => void;

const method = 'GET ';
const version = ' HTTP/1.1\r\n';
const end = '\r\n\r\n';
/** Longer than the request of a client with a token. Each connection keeps this much. */
const longest = 2_048;

/**
 * A client sends the same headers with each request of a connection. When `node:http` has read them once, and the front has answered
 * that request, a later request that differs from it in nothing but the address goes to the front as it is. So the parser, the request and
 * the response of Node are spared: they are half of what a near hit costs.
 *
 * No header is read here. A request counts as known only if it is one chunk, begins where `node:http` expects a request, and its bytes
 * behind the address are those that `node:http` has accepted there. Everything else goes to `node:http` as it came.
 */
export class RepeatedRequests {
  readonly #options: RepeatedRequestsOptions;
  readonly #connections = new WeakMap<Socket, Connection>();
  /** The requests that `node:http` has read, of all connections. */
  #requests = 0;
  /** The newest of them, if the front has answered it at once. */
  #answered: IncomingMessage | undefined;
  #keepAlive_ms = 0;

  constructor(options: RepeatedRequestsOptions) {
    this.#options = options;
  }

  watch(server: Server): void {
    this.#keepAlive_ms = server.keepAliveTimeout;
    // Node does not listen to this socket any more.
    server.on('connect', (_req, socket) => this.#connections.get(socket as Socket)?.release());
  }

  /** To be called for each request that `node:http` has read. */
  began(): void {
    this.#requests += 1;
    this.#answered = undefined;
  }

  /** To be called behind `began`, if the front has answered the request. */
  answeredByFront(req: IncomingMessage, res: ServerResponse): void {
    if (!res.shouldKeepAlive) return;
    this.#answered = req;
    if (this.#options.front.answerNow === undefined || this.#connections.has(req.socket)) return;
    const connection = new Connection(req.socket, (chunk, of) => this.#read(chunk, of));
    this.#connections.set(req.socket, connection);
  }

  #read(chunk: Buffer, connection: Connection): void {
    const text = chunk.length <= longest ? chunk.toString('latin1') : '';
    const { known } = connection;
    if (known !== undefined && connection.isBetween && this.#answer(connection.socket, known, text)) return;
    const wasBetween = connection.isBetween;
    const before = this.#requests;
    connection.toNode(chunk);
    const last = this.#requests === before ? undefined : this.#answered;
    connection.isBetween = last?.socket === connection.socket && text.endsWith(end);
    if (wasBetween && connection.isBetween && this.#requests === before + 1)
      connection.known = knownOf(text, last);
  }

  /** Whether the request is answered. */
  #answer(socket: Socket, { headers, text: tail }: Known, text: string): boolean {
    const { isDraining, admits, answered } = this.#options;
    // `endsWith` would compare character by character, which takes 2 µs with a token.
    if (text.slice(-tail.length) !== tail || !text.startsWith(method)) return false;
    const url = text.slice(method.length, -tail.length);
    // A space would be the end of the address: the chunk has more than one request.
    if (url.includes(' ') || isDraining() || !admits(socket)) return false;
    const answer = this.#askFront(socket, headers, url);
    if (answer === undefined) return false;
    socket.write(readyText(answer, this.#keepAlive_ms), 'latin1');
    observe(socket, answer);
    answered(socket);
    return true;
  }

  /** An error of the front would end the process. `node:http` leads to the same one, and Express answers it. */
  #askFront(socket: Socket, headers: PlainHeaders, url: string): ReadyAnswer | undefined {
    const { front, log } = this.#options;
    try {
      return front.answerNow?.({ socket, headers, url });
    } catch (error) {
      log.error({ err: error, url }, 'a front failed');
      return undefined;
    }
  }
}

/** Reads a connection before `node:http` does. */
class Connection {
  readonly socket: Socket;
  readonly #onData: OnData;
  readonly #ofNode: OnData;
  /** Whether `node:http` expects a new request here, and all earlier answers are given. */
  isBetween = false;
  known: Known | undefined;

  constructor(socket: Socket, read: (chunk: Buffer, connection: Connection) => void) {
    this.socket = socket;
    this.#onData = (chunk) => read(chunk, this);
    // `node:http` reads from the socket itself, until somebody else listens to its data.
    const [ofNode] = socket.listeners('data') as [OnData];
    this.#ofNode = ofNode;
    socket.on('data', this.#onData);
    socket.off('data', ofNode);
  }

  toNode(chunk: Buffer): void {
    this.#ofNode(chunk);
  }

  release(): void {
    this.socket.off('data', this.#onData);
  }
}

/** undefined if the chunk is more than this one request. */
function knownOf(text: string, req: IncomingMessage | undefined): Known | undefined {
  const begin = `${method}${req?.url}${version}`;
  const headers = req && plainHeaders(req);
  if (headers === undefined || !text.startsWith(begin) || text.indexOf(end) !== text.length - end.length)
    return undefined;
  // A copy: a slice would be compared more slowly, and would keep the rest.
  const tail = Buffer.from(text.slice(begin.length - version.length), 'latin1').toString('latin1');
  return { text: tail, headers: { ...headers } };
}

/** If the client is slow to take the answer, the request ends later. */
function observe(socket: Socket, { series, began_ms }: ReadyAnswer): void {
  const ended = () => series.observe((performance.now() - began_ms) / 1_000);
  if (socket.writableLength === 0) ended();
  else socket.write('', ended);
}
