import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { CatalogError } from '@catalog/contracts';
import { PassingMap } from '@catalog/runtime';
import type { Express } from 'express';
import type { Logger } from '../logging/logger.ts';
import { answerClientError, endWith, rawProblem } from './client-error.ts';
import { shareConnections } from './connection-share.ts';
import { type Found, type Front, type FrontAnswer, frontOf } from './front.ts';
import { GivenConnections } from './given-connections.ts';
import { httpLimits } from './limits.ts';
import { messagesOf } from './messages.ts';
import { RepeatedRequests } from './repeated-requests.ts';
import { UnreadAnswers, type UnreadLimits } from './unread-answers.ts';

export interface Address {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
}

/** Hands over connections that another process has accepted. */
export interface ConnectionSource {
  onConnection(take: (socket: Socket) => void): void;
}

export interface ServerOptions {
  readonly app: Express;
  readonly listen: Address | ConnectionSource;
  readonly log: Logger;
  /** For the whole request with its body. Services that take uploads need a longer time. */
  readonly requestTimeout_ms?: number;
  /** What clients may leave unread; `httpLimits` unless set. */
  readonly unread?: Partial<UnreadLimits>;
  /** How long a connection may be idle. It must be longer than the idle timeout of a load balancer in front. */
  readonly keepAlive_ms?: number;
  /** Connections of one address; `httpLimits` unless set. */
  readonly connectionsOfAddress?: number;
  readonly drainGrace_ms?: number;
  readonly drainLastAnswers_ms?: number;
  readonly drainTimeout_ms?: number;
}

export interface RunningServer {
  /** 0 if the server is given its connections. */
  readonly port: number;
  readonly server: Server;
  /**
   * Stops without losing a request. (1) During the grace, the service is not ready but works as before. (2) It takes no
   * new connections, and every answer says `Connection: close`, so that active callers leave. (3) It closes connections
   * that are still idle. (4) It resolves when the last answer is out. It may be called twice.
   */
  drain(): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { app, log } = options;
  const front = frontOf(app);
  const inFlight = new PassingMap<ServerResponse, true>();
  let draining = false;

  function ended(this: ServerResponse): void {
    inFlight.delete(this);
    if (!this.req.complete) cutUnlessComplete(this.req);
    unread.ended(this);
    repeated?.ended(this);
  }

  /** Its bytes are in the socket by now, as far as the system has not taken them. */
  function completed(this: ServerResponse): void {
    unread.answered(this.req.socket);
  }

  const unread = new UnreadAnswers(
    { unread_ms: httpLimits.unread_ms, unread_bytes: httpLimits.unread_bytes, ...options.unread },
    (req, res) => {
      if (draining) res.shouldKeepAlive = false;
      const answer =
        draining || front === undefined ? 'passedOn' : answerOf(front, req, res, repeated?.found, log);
      if (answer !== 'passedOn') repeated?.takenByFront(req);
      // Behind an answer that is not sent yet, Node keeps it without a socket. Then it is in flight like others.
      if (answer === 'answered' && res.socket !== null) {
        repeated?.ended(res);
        unread.answered(req.socket);
        return;
      }
      inFlight.set(res, true);
      unread.began(res);
      res.on('prefinish', completed);
      res.on('close', ended);
      if (answer === 'passedOn') app(req, res);
    },
    log,
  );

  const repeated =
    front &&
    new RepeatedRequests({
      front,
      admits: (socket) => unread.admits(socket),
      giveBack: (socket) => unread.giveBack(socket),
      holds: (socket) => unread.holds(socket),
      answered: (socket) => unread.answered(socket),
      isDraining: () => draining,
      log,
    });
  const take = (req: IncomingMessage, res: ServerResponse): void => {
    repeated?.began(res);
    unread.take(req, res);
  };

  const server = createServer(
    {
      ...messagesOf(app),
      insecureHTTPParser: false,
      requireHostHeader: false,
      maxHeaderSize: httpLimits.headerBytes,
      headersTimeout: httpLimits.headers_ms,
      requestTimeout: options.requestTimeout_ms ?? httpLimits.request_ms,
      connectionsCheckingInterval: httpLimits.checkInterval_ms,
      keepAliveTimeout: options.keepAlive_ms ?? httpLimits.keepAlive_ms,
    },
    take,
  );
  /** Answers that are still to be sent on this socket, in their order. */
  const pendingOn = (socket: Socket): ServerResponse[] => [
    ...[...inFlight.keys()].filter((res) => res.req.socket === socket),
    ...unread.waiting(socket),
  ];
  unread.watch(server);
  repeated?.watch(server);
  const isTrusted = app.get('trust proxy fn') as (address: string, hop: number) => boolean;
  shareConnections(server, {
    most: options.connectionsOfAddress ?? httpLimits.connectionsOfAddress,
    isProxy: (address) => isTrusted(address, 0),
    log,
  });
  server.maxConnections = httpLimits.connections;
  server.on('drop', () =>
    log.warn({ limit: httpLimits.connections }, 'dropped a connection above the limit'),
  );
  server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket;
    const pending = pendingOn(socket);
    // The parser failed inside the body of this request, or behind all requests.
    const broken = pending.find((res) => !res.req.complete);
    const earlier = pending.filter((res) => res !== broken).at(-1);
    // Its answer, perhaps a refusal, has begun, so no other one can follow.
    if (broken?.headersSent === true) socket.destroySoon();
    else if (earlier === undefined) answerClientError(error, socket);
    else earlier.on('close', () => answerClientError(error, socket));
  });
  server.on('connect', (_req, stream) => {
    const socket = stream as Socket;
    // Node listens to this socket no longer. An error that nobody hears would end the process.
    socket.on('error', () => socket.destroy());
    const refuse = () =>
      endWith(
        socket,
        rawProblem(new CatalogError('method_not_allowed', 'CONNECT is not supported.'), {
          Allow: 'GET, HEAD',
        }),
      );
    const earlier = pendingOn(socket).at(-1);
    if (earlier === undefined) refuse();
    else earlier.on('close', refuse);
  });
  // The app refuses it when it is its turn: a client that sends an unknown `Expect` must not be answered before others.
  server.on('checkExpectation', take);
  const given = 'onConnection' in options.listen ? new GivenConnections(server, options.listen) : undefined;
  const port = 'port' in options.listen ? await listen(server, options.listen, log) : 0;

  const drain = async (): Promise<void> => {
    app.emit('drain');
    await pause(options.drainGrace_ms ?? httpLimits.drainGrace_ms);
    const closed = given?.allClosed() ?? once(server, 'close');
    // This closes only the listening socket. `close` of http also destroys connections that are idle now, although a
    // request may be on its way.
    NetServer.prototype.close.call(server);
    draining = true;
    // Answers whose headers are not out yet say it too.
    for (const res of inFlight.keys()) res.shouldKeepAlive = false;
    const idleClosed = setTimeout(
      () => void (repeated?.settled() ?? Promise.resolve()).then(() => server.close()),
      options.drainLastAnswers_ms ?? httpLimits.drainLastAnswers_ms,
    );
    const impatient = setTimeout(() => {
      log.error({ inFlight: inFlight.size }, 'cut off requests that did not end in time');
      server.closeAllConnections();
    }, options.drainTimeout_ms ?? httpLimits.drain_ms);
    try {
      await closed;
    } finally {
      clearTimeout(impatient);
      clearTimeout(idleClosed);
      // Stops the timer with which Node checks timeouts.
      server.close();
    }
    log.info('drained');
  };
  let drained: Promise<void> | undefined;
  return { port, server, drain: () => (drained ??= drain()) };
}

/** An error of a front would end the process. Express meets the same one, and answers it. */
function answerOf(
  front: Front,
  req: IncomingMessage,
  res: ServerResponse,
  found: Found | undefined,
  log: Logger,
): FrontAnswer {
  try {
    return front.answer(req, res, found);
  } catch (error) {
    log.error({ err: error, url: req.url }, 'a front failed');
    if (!res.headersSent) return 'passedOn';
    res.destroy();
    return 'answered';
  }
}

async function listen(server: Server, { port, host }: Address, log: Logger): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  const { port: taken } = server.address() as AddressInfo;
  log.info({ port: taken, host }, 'listening');
  return taken;
}

/** A client could send the body of an answered request slowly, and hold its socket for as long as uploads may take. */
function cutUnlessComplete(req: IncomingMessage): void {
  const timer = setTimeout(() => {
    if (!req.complete) req.socket.destroy();
  }, httpLimits.rest_ms);
  timer.unref();
}
