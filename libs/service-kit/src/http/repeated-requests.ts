import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Logger } from '../logging/logger.ts';
import { Found, type Front, type PlainHeaders, plainHeaders } from './front.ts';
import { httpLimits } from './limits.ts';
import { copyOf, type FirstReader, readFirst } from './read-first.ts';
import { type ReadyAnswer, writeReady } from './ready-answer.ts';

export interface RepeatedRequestsOptions {
  readonly front: Front;
  /** Whether a request of this connection may be served now. */
  readonly admits: (socket: Socket) => boolean;
  /** A request for which `admits` was true is not served here after all. */
  readonly giveBack: (socket: Socket) => void;
  /** Whether some bytes of this connection wait, and `node:http` has not read them yet. */
  readonly holds: (socket: Socket) => boolean;
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

const method = 'GET ';
const version = ' HTTP/1.1\r\n';
const end = '\r\n\r\n';

/**
 * A client sends the same headers with each request of a connection. When `node:http` has read them once, a later request that
 * differs in nothing but the address goes to the front as it is. So the parser, the request and the response of Node are
 * spared, which are a third of what a near hit costs.
 *
 * No header is read here. A request counts as known only if it is one chunk, begins where `node:http` expects a request, and its bytes
 * behind the address are those that `node:http` has accepted there. Everything else goes to `node:http` as it came.
 */
export class RepeatedRequests {
  readonly #options: RepeatedRequestsOptions;
  readonly #connections = new WeakMap<Socket, Connection>();
  /** The requests that `node:http` has read, of all connections. */
  #requests = 0;
  #newest: ServerResponse | undefined;
  /** The request that the front was the last to answer at once. */
  #answered: IncomingMessage | undefined;
  #keepAlive_ms = 0;
  /** Answers that the front is making. */
  #underWay = 0;
  #onSettled: (() => void) | undefined;
  /** Connections whose clients have sent something behind a request whose answer is under way. */
  readonly #ahead = new Set<Connection>();
  /** What they have sent. */
  #ahead_bytes = 0;
  /** What the front has found for the request that is given to `node:http` now. */
  found: Found | undefined;

  constructor(options: RepeatedRequestsOptions) {
    this.#options = options;
  }

  watch(server: Server): void {
    this.#keepAlive_ms = server.keepAliveTimeout;
    // Node does not read this socket any more.
    server.on('connect', (_req, socket) => this.#connections.get(socket as Socket)?.reader.end());
  }

  /** To be called for each request that `node:http` has read. */
  began(res: ServerResponse): void {
    this.#requests += 1;
    this.#newest = res;
  }

  /** To be called for each request that the front answers. From now on, this reads the connection first. */
  takenByFront({ socket }: IncomingMessage): void {
    if (this.#options.front.answerRepeated === undefined || this.#connections.has(socket)) return;
    // The request may have waited, with CONNECT or what is malformed behind it. Then nobody reads the connection any more.
    if (socket.listenerCount('data') === 0) return;
    this.#connections.set(socket, new Connection(socket, (chunk, of) => this.#read(chunk, of)));
  }

  /** To be called for each answer that is complete, and goes through `node:http`. */
  ended(res: ServerResponse): void {
    const { req } = res;
    this.#answered = req;
    const connection = this.#connections.get(req.socket);
    if (connection?.last !== req) return;
    connection.isBetween = true;
    connection.last = undefined;
  }

  /** Resolves when no answer is under way. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSettled = resolve;
      if (this.#underWay === 0) resolve();
    });
  }

  #read(chunk: Buffer, connection: Connection): void {
    if (connection.isWaiting) {
      this.#wait(chunk, connection);
      return;
    }
    const text = chunk.length <= httpLimits.repeated_bytes ? chunk.toString('latin1') : '';
    const { known, isBetween } = connection;
    if (known !== undefined && isBetween && this.#answer(connection, known, text)) return;
    this.#giveToNode(connection, chunk, text);
  }

  #wait(chunk: Buffer, connection: Connection): void {
    connection.wait(chunk);
    this.#ahead.add(connection);
    this.#ahead_bytes += chunk.length;
    if (this.#ahead_bytes > httpLimits.sentAhead_bytes) this.#cutThoseWithTheMost();
  }

  #takeAhead(connection: Connection): readonly Buffer[] {
    this.#ahead.delete(connection);
    this.#ahead_bytes -= connection.waiting_bytes;
    return connection.takeWaiting();
  }

  /** Who sends the chunk that reaches the limit may have sent little. */
  #cutThoseWithTheMost(): void {
    for (const connection of [...this.#ahead].sort((a, b) => b.waiting_bytes - a.waiting_bytes)) {
      if (this.#ahead_bytes <= httpLimits.sentAhead_bytes / 2) return;
      connection.socket.destroy();
      this.#takeAhead(connection);
    }
  }

  #giveToNode(connection: Connection, chunk: Buffer, text: string): void {
    const wasBetween = connection.isBetween;
    const before = this.#requests;
    connection.isBetween = false;
    connection.last = undefined;
    connection.reader.next(chunk);
    if (this.#requests === before || this.#newest === undefined || !text.endsWith(end)) return;
    if (this.#options.holds(connection.socket)) return;
    const { req, shouldKeepAlive } = this.#newest;
    const headers = shouldKeepAlive ? plainHeaders(req) : undefined;
    // Without a body, the request ends with the chunk.
    if (headers === undefined) return;
    connection.isBetween = this.#answered === req;
    connection.last = connection.isBetween ? undefined : req;
    if (!wasBetween || this.#requests !== before + 1) return;
    connection.known = knownOf(text, req.url, headers) ?? connection.known;
  }

  /** Whether the request is answered, or will be. */
  #answer(connection: Connection, { headers, text: tail }: Known, text: string): boolean {
    const { admits, giveBack } = this.#options;
    const { socket } = connection;
    // `endsWith` would compare character by character, which takes 2 µs with a token.
    if (text.slice(-tail.length) !== tail || !text.startsWith(method)) return false;
    const url = text.slice(method.length, -tail.length);
    // A space would be the end of the address: the chunk has more than one request.
    if (url.includes(' ') || !socket.writable || !admits(socket)) return false;
    const answer = this.#askFront(socket, headers, url);
    if (answer === undefined) {
      giveBack(socket);
      return false;
    }
    if (answer instanceof Promise) void this.#answerLater(connection, answer, text);
    else this.#write(socket, answer);
    return true;
  }

  async #answerLater(
    connection: Connection,
    answer: Promise<ReadyAnswer | Found>,
    text: string,
  ): Promise<void> {
    connection.isWaiting = true;
    this.#underWay += 1;
    const found = await answer;
    this.#underWay -= 1;
    connection.isWaiting = false;
    if (this.#underWay === 0) this.#onSettled?.();
    const { socket } = connection;
    const sentAhead = this.#takeAhead(connection);
    if (!socket.writable) return;
    if (found instanceof Found) {
      this.found = found;
      this.#giveToNode(connection, Buffer.from(text, 'latin1'), text);
      this.found = undefined;
    } else this.#write(socket, found);
    for (const next of sentAhead) this.#read(next, connection);
  }

  #write(socket: Socket, answer: ReadyAnswer): void {
    const stays = !this.#options.isDraining();
    writeReady(socket, answer, { keepAlive_ms: this.#keepAlive_ms, stays });
    this.#observe(socket, answer);
    this.#options.answered(socket);
    if (!stays) socket.end();
  }

  /** If the client is slow to take the answer, the request ends later. */
  #observe(socket: Socket, answer: ReadyAnswer): void {
    if (socket.writableLength === 0) ended(answer);
    else socket.write('', (error) => (error ? this.#options.front.left?.(answer) : ended(answer)));
  }

  /** An error of the front would end the process. `node:http` leads to the same one, and Express answers it. */
  #askFront(
    socket: Socket,
    headers: PlainHeaders,
    url: string,
  ): ReturnType<Required<Front>['answerRepeated']> {
    const { front, log } = this.#options;
    try {
      return front.answerRepeated?.({ socket, headers, url });
    } catch (error) {
      log.error({ err: error, url }, 'a front failed');
      return undefined;
    }
  }
}

/** Reads a connection before `node:http` does. */
class Connection {
  readonly socket: Socket;
  readonly reader: FirstReader;
  /** Whether `node:http` expects a new request here, and all earlier answers are given. */
  isBetween = false;
  /** The request that is not answered yet, behind which `node:http` expects a new one. */
  last: IncomingMessage | undefined;
  known: Known | undefined;
  /** Whether an answer is under way that `node:http` knows nothing of. */
  isWaiting = false;
  #waiting: Buffer[] = [];
  waiting_bytes = 0;

  constructor(socket: Socket, read: (chunk: Buffer, connection: Connection) => void) {
    this.socket = socket;
    this.reader = readFirst(socket, (chunk) => read(chunk, this));
  }

  wait(chunk: Buffer): void {
    this.#waiting.push(copyOf(chunk));
    this.waiting_bytes += chunk.length;
    this.socket.pause();
  }

  takeWaiting(): readonly Buffer[] {
    const waiting = this.#waiting;
    if (waiting.length === 0) return waiting;
    this.#waiting = [];
    this.waiting_bytes = 0;
    this.socket.resume();
    return waiting;
  }
}

/** undefined if the text is no GET of HTTP/1.1. */
function knownOf(text: string, url: string | undefined, headers: PlainHeaders): Known | undefined {
  const begin = `${method}${url}${version}`;
  if (!text.startsWith(begin)) return undefined;
  // A copy: a slice would be compared more slowly, and would keep the rest.
  const tail = Buffer.from(text.slice(begin.length - version.length), 'latin1').toString('latin1');
  return { text: tail, headers: { ...headers } };
}

const ended = ({ series, began_ms }: ReadyAnswer): void =>
  series.observe((performance.now() - began_ms) / 1_000);
