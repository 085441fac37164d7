import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../logging/logger.ts';
import { FairTurns } from './fair-turns.ts';
import { httpLimits } from './limits.ts';
import { copyOf, type FirstReader, readFirst } from './read-first.ts';

type Exchange = readonly [IncomingMessage, ServerResponse];
type Serve = (req: IncomingMessage, res: ServerResponse) => void;

interface Connection {
  /** The answer under way, if it is not made at once. */
  answer: ServerResponse | undefined;
  /** Requests that wait for those before them on this connection, or for their turn. */
  readonly waiting: Exchange[];
  /** What the client has sent behind them, of which nothing is read yet. */
  readonly held: Buffer[];
  /** What all of that takes, about. */
  waiting_bytes: number;
  /** What the client had taken at the last look, and how many looks since then found the same. */
  taken: string;
  sameLooks: number;
  readonly reader: FirstReader;
  /** Node reads no more requests of this connection. */
  isOver: boolean;
}

export interface UnreadLimits {
  /** A client that takes nothing of an answer for so long is cut off. */
  readonly unread_ms: number;
  /** What the clients of this process may leave unread and waiting together. Beyond it, those with the most are cut off. */
  readonly unread_bytes: number;
}

/** The sum is looked at this often while requests come. In this time, a process makes a few MB of usual answers. */
const closeLook_ms = 100;
/** And each time that answers of this part of the limit were made: a single one may have 10 MB, and take a few milliseconds. */
const closeLook_part = 1 / 4;
/**
 * A client is cut off after so many looks without progress, and not by the clock: after a pause of this process, all clients
 * would seem to have taken nothing.
 */
const looksWithoutProgress = 4;

/** Whether what is written to the response now goes to its socket at once, and not behind another answer. */
export function isNextOnSocket({ socket }: ServerResponse): boolean {
  return socket !== null && isFree(socket);
}

const isFree = (socket: Socket): boolean => !socket.destroyed && socket.writableLength === 0;

/**
 * Bounds the memory that clients can hold: a client sends many requests at once for large answers, and takes none; or it sends
 * large requests faster than they are answered. A connection gets one answer at a time. Clients that take nothing of it, or hold
 * the most, are cut off.
 */
export class UnreadAnswers {
  readonly #open = new Map<Socket, Connection>();
  readonly #limits: UnreadLimits;
  readonly #serve: Serve;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #turns: FairTurns;
  /** What all waiting requests take, about. */
  #waiting_bytes = 0;
  /** The requests that `take` was called for. */
  #taken = 0;
  #looked_ms = 0;
  /** What was made since the last look, and was not taken at once. */
  #made_bytes = 0;

  constructor(limits: UnreadLimits, serve: Serve, log: Pick<Logger, 'warn'>) {
    this.#limits = limits;
    this.#serve = serve;
    this.#log = log;
    this.#turns = new FairTurns(httpLimits, (socket) => this.#next(socket));
  }

  watch(server: Server): void {
    server.on('connection', (socket) => {
      const connection: Connection = {
        answer: undefined,
        waiting: [],
        held: [],
        waiting_bytes: 0,
        taken: '',
        sameLooks: 0,
        reader: readFirst(socket, (chunk) => this.#read(socket, connection, chunk)),
        isOver: false,
      };
      this.#open.set(socket, connection);
      socket.on('drain', () => this.#next(socket));
      socket.on('close', () => {
        this.#waiting_bytes -= connection.waiting_bytes;
        this.#open.delete(socket);
      });
    });
    const end = (socket: Socket) => {
      const connection = this.#open.get(socket);
      if (connection !== undefined) connection.isOver = true;
      connection?.reader.end();
    };
    // Node does not read these sockets any more.
    server.on('connect', (_req, socket) => end(socket as Socket));
    server.on('clientError', (_error, socket) => end(socket as Socket));
    const timer = setInterval(() => {
      this.#cutThoseWhoTakeNothing();
      this.#cutThoseWithTheMost();
    }, this.#limits.unread_ms / looksWithoutProgress);
    timer.unref();
    server.on('close', () => clearInterval(timer));
  }

  #waits(connection: Connection, bytes: number): void {
    connection.waiting_bytes += bytes;
    this.#waiting_bytes += bytes;
  }

  /** Whether some bytes of this connection wait to be read. */
  holds(socket: Socket): boolean {
    return (this.#open.get(socket)?.held.length ?? 0) > 0;
  }

  #read(socket: Socket, connection: Connection, chunk: Buffer): void {
    const rest = connection.held.length > 0 ? chunk : this.#parse(socket, connection, chunk);
    if (rest === undefined) return;
    if (this.#waiting_bytes > this.#limits.unread_bytes) {
      socket.destroy();
      return;
    }
    connection.held.push(copyOf(rest));
    this.#waits(connection, rest.length);
    socket.pause();
    this.#lookAgain();
  }

  /**
   * Gives a chunk to Node, request by request. A chunk may have 2,500 of them, which take 30 ms and 10 MB, and the parser of Node
   * cannot stop within what it is given.
   *
   * @returns what has to wait, because enough requests of this connection do, or the client takes no answers
   */
  #parse(socket: Socket, connection: Connection, chunk: Buffer): Buffer | undefined {
    let from = 0;
    let ends = 1;
    while (from < chunk.length && !connection.isOver && socket.writable) {
      if (connection.waiting.length >= httpLimits.readAhead || isPausedByNode(socket))
        return chunk.subarray(from);
      const to = placeBehindHeaders(chunk, from, ends);
      const before = this.#taken;
      connection.reader.next(to - from === chunk.length ? chunk : chunk.subarray(from, to));
      // It was no end of headers, but a part of a body, which may have many.
      ends = this.#taken === before ? Math.min(2 * ends, mostEndsAtOnce) : 1;
      from = to;
    }
    return undefined;
  }

  #readHeld(socket: Socket, connection: Connection): void {
    const { held } = connection;
    for (let chunk = held[0]; chunk !== undefined; chunk = held[0]) {
      const rest = this.#parse(socket, connection, chunk);
      if (rest !== undefined) {
        held[0] = rest;
        socket.pause();
        return;
      }
      held.shift();
    }
    const ofRequests = connection.waiting.reduce((sum, [req]) => sum + sizeOf(req), 0);
    this.#waits(connection, ofRequests - connection.waiting_bytes);
    socket.resume();
  }

  /** Serves the request now, or when its turn has come and the client has taken the answers before it on its connection. */
  take(req: IncomingMessage, res: ServerResponse): void {
    this.#taken += 1;
    const isNext = isNextOnSocket(res);
    // Nothing is before it. This is the way of nearly all requests, and costs no look-up.
    if (isNext && this.#turns.admits(req.socket, false)) {
      this.#serve(req, res);
      return;
    }
    const connection = this.#open.get(req.socket);
    if (connection === undefined) return;
    if (!isNext && connection.waiting.length === 0 && canTakeNext(req.socket, connection)) {
      if (this.#turns.admits(req.socket, true)) {
        this.#serve(req, res);
        return;
      }
    }
    connection.waiting.push([req, res]);
    this.#waits(connection, sizeOf(req));
    this.#lookAgain();
  }

  /** Whether a request may be served now that `take` is not called for. Nothing is before it on its connection. */
  admits(socket: Socket): boolean {
    return isFree(socket) && this.#turns.admits(socket, false);
  }

  /** A request for which `admits` was true goes to `take` after all. */
  giveBack(socket: Socket): void {
    this.#turns.giveBack(socket);
  }

  /** To be called for every answer that is not made at once. */
  began(res: ServerResponse): void {
    const connection = this.#open.get(res.req.socket);
    if (connection !== undefined) connection.answer = res;
    this.#lookAgain();
  }

  /** To be called for every answer when it is complete. */
  answered(socket: Socket): void {
    // Mostly the system has taken it, and nothing is left to look at.
    if (socket.writableLength === 0) return;
    this.#made_bytes += socket.writableLength;
    this.#lookAgain();
  }

  ended({ req: { socket } }: ServerResponse): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.answer = undefined;
    this.#next(socket);
  }

  /** The answers of this connection that are not begun. */
  waiting(socket: Socket): ServerResponse[] {
    return this.#open.get(socket)?.waiting.map(([, res]) => res) ?? [];
  }

  #next(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    while (connection.waiting.length > 0 && !socket.destroyed && canTakeNext(socket, connection)) {
      if (!this.#turns.admits(socket, true)) return;
      const exchange = connection.waiting.shift();
      if (exchange === undefined) return;
      this.#waits(connection, -sizeOf(exchange[0]));
      this.#serve(...exchange);
    }
    if (connection.waiting.length === 0 && connection.held.length > 0) this.#readHeld(socket, connection);
  }

  #lookAgain(): void {
    const isMuch = this.#made_bytes > this.#limits.unread_bytes * closeLook_part;
    if (isMuch || performance.now() - this.#looked_ms > closeLook_ms) this.#cutThoseWithTheMost();
  }

  #cutThoseWhoTakeNothing(): void {
    let cut = 0;
    for (const [socket, connection] of this.#open) {
      if (socket.writableLength === 0) {
        connection.sameLooks = 0;
        continue;
      }
      const taken = takenOf(socket);
      connection.sameLooks = taken === connection.taken ? connection.sameLooks + 1 : 0;
      connection.taken = taken;
      if (connection.sameLooks < looksWithoutProgress) continue;
      socket.destroy();
      cut += 1;
    }
    if (cut > 0) this.#log.warn({ connections: cut }, 'cut off clients that do not read their answers');
  }

  #cutThoseWithTheMost(): void {
    this.#looked_ms = performance.now();
    this.#made_bytes = 0;
    const behind = [...this.#open]
      .map(([socket, connection]) => ({ socket, bytes: heldBy(socket, connection) }))
      .filter(({ bytes }) => bytes > 0);
    let held_bytes = behind.reduce((sum, { bytes }) => sum + bytes, 0);
    if (held_bytes <= this.#limits.unread_bytes) return;
    this.#log.warn(
      { held_bytes },
      'clients do not read their answers, or send more than is answered: cut off those with the most',
    );
    behind.sort((a, b) => b.bytes - a.bytes);
    for (const { socket, bytes } of behind) {
      if (held_bytes <= this.#limits.unread_bytes / 2) return;
      held_bytes -= bytes;
      socket.destroy();
    }
  }
}

const headersEnd = Buffer.from('\r\n\r\n');

/** A body may consist of nothing but such ends. Then a chunk of it is given to Node in a few hundred parts. */
const mostEndsAtOnce = 64;

/** @returns the place behind so many ends of headers; the end of the chunk if it has fewer */
function placeBehindHeaders(chunk: Buffer, from: number, ends: number): number {
  let at = from;
  for (let n = 0; n < ends; n++) {
    const end = chunk.indexOf(headersEnd, at);
    if (end === -1) return chunk.length;
    at = end + headersEnd.length;
  }
  return at;
}

/** Then its parser takes nothing: what it was given would fail an assertion. Node goes on when the client has taken its answers. */
const isPausedByNode = (socket: Socket): boolean =>
  (socket as unknown as { _paused?: boolean })._paused === true;

/** Above its high-water mark, the socket emits `drain` when the client has taken everything. */
const canTakeNext = (socket: Socket, { answer }: Connection): boolean =>
  answer === undefined && socket.writableLength < socket.writableHighWaterMark;

/**
 * An answer keeps its bytes until it has the socket. The answer of a front may still be in the socket then. The last request that
 * waits may have the beginning of a body.
 */
const heldBy = (socket: Socket, { answer, waiting, waiting_bytes }: Connection): number =>
  socket.writableLength +
  (answer?.socket === null ? answer.writableLength : 0) +
  waiting_bytes +
  (waiting.at(-1)?.[0].readableLength ?? 0);

/** Memory of a request and its answer without their texts, measured in a process with 30,000 of them. */
const exchange_bytes = 3_072;

/** What a request takes while it waits: mostly its headers, of which each may have 16 KiB. */
const sizeOf = ({ url = '', rawHeaders }: IncomingMessage): number =>
  rawHeaders.reduce((sum, text) => sum + text.length, exchange_bytes + url.length);

/** Changes whenever the client takes something, also of one large write that is under way. */
function takenOf(socket: Socket): string {
  const { _handle: handle } = socket as unknown as { _handle: { writeQueueSize?: number } | null };
  return `${socket.bytesWritten - socket.writableLength} ${handle?.writeQueueSize ?? 0}`;
}
