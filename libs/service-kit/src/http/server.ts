import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { CatalogError } from '@catalog/contracts';
import type { Express } from 'express';
import type { Logger } from '../logging/logger.ts';
import { answerClientError, endWith, rawProblem } from './client-error.ts';
import { httpLimits } from './limits.ts';
import { messagesOf } from './messages.ts';

export interface ServerOptions {
  readonly app: Express;
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  readonly log: Logger;
  /** The whole request, body included; for services that take uploads. */
  readonly requestTimeout_ms?: number;
  readonly drainGrace_ms?: number;
  readonly drainLastWords_ms?: number;
  readonly drainTimeout_ms?: number;
}

export interface RunningServer {
  readonly port: number;
  readonly server: Server;
  /**
   * Loses no request: (1) not ready, everything else as always during the grace; (2) no new connections,
   * and every answer says `Connection: close`, so that callers at work leave by themselves; (3) what is
   * still idle is closed; (4) resolves when the last answer is out. Can be called twice.
   */
  drain(): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { app, log } = options;
  const inFlight = new Set<ServerResponse>();
  let draining = false;

  function ended(this: ServerResponse): void {
    inFlight.delete(this);
    if (!this.req.complete) cutUnlessComplete(this.req);
  }

  const server = createServer(
    {
      ...messagesOf(app),
      insecureHTTPParser: false,
      requireHostHeader: false,
      maxHeaderSize: httpLimits.headerBytes,
      headersTimeout: httpLimits.headers_ms,
      requestTimeout: options.requestTimeout_ms ?? httpLimits.request_ms,
      connectionsCheckingInterval: httpLimits.checkInterval_ms,
      keepAliveTimeout: httpLimits.keepAlive_ms,
    },
    (req, res) => {
      if (draining) res.shouldKeepAlive = false;
      inFlight.add(res);
      res.on('close', ended);
      app(req, res);
    },
  );
  server.maxConnections = httpLimits.connections;
  server.on('drop', () =>
    log.warn({ limit: httpLimits.connections }, 'a connection was dropped: there are too many'),
  );
  server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket;
    const pending = [...inFlight].filter((res) => res.req.socket === socket);
    // The parser broke inside this one's body, or behind all of them.
    const broken = pending.find((res) => !res.req.complete);
    const earlier = pending.filter((res) => res !== broken).at(-1);
    // Its answer, perhaps a refusal, is out or half out; nothing more can be said.
    if (broken?.headersSent === true) socket.destroySoon();
    else if (earlier === undefined) answerClientError(error, socket);
    else earlier.on('close', () => answerClientError(error, socket));
  });
  server.on('connect', (_req, stream) => {
    endWith(
      stream as Socket,
      rawProblem(new CatalogError('method_not_allowed', 'CONNECT is not supported.'), { Allow: 'GET, HEAD' }),
    );
  });
  server.on('checkExpectation', (_req, res: ServerResponse) => {
    endWith(
      res.socket as Socket,
      rawProblem(new CatalogError('malformed_request', 'The only expectation supported is 100-continue.')),
    );
  });
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  log.info({ port, host: options.host }, 'listening');

  const drain = async (): Promise<void> => {
    app.emit('drain');
    await pause(options.drainGrace_ms ?? httpLimits.drainGrace_ms);
    const closed = once(server, 'close');
    // Only the listening socket: http's own `close` also destroys connections that are idle at this
    // instant, with the request that may be on its way to us.
    NetServer.prototype.close.call(server);
    draining = true;
    // Answers under way whose headers are not out yet say it too.
    for (const res of inFlight) res.shouldKeepAlive = false;
    const idleClosed = setTimeout(
      () => server.close(),
      options.drainLastWords_ms ?? httpLimits.drainLastWords_ms,
    );
    const impatient = setTimeout(() => {
      log.error({ inFlight: inFlight.size }, 'requests were cut off: they did not end in time');
      server.closeAllConnections();
    }, options.drainTimeout_ms ?? httpLimits.drain_ms);
    try {
      await closed;
    } finally {
      clearTimeout(impatient);
      clearTimeout(idleClosed);
      // Stops Node's own checking of timeouts.
      server.close();
    }
    log.info('drained');
  };
  let drained: Promise<void> | undefined;
  return { port, server, drain: () => (drained ??= drain()) };
}

/** An answered request that keeps dribbling in would hold its socket for as long as uploads may take. */
function cutUnlessComplete(req: IncomingMessage): void {
  const timer = setTimeout(() => {
    if (!req.complete) req.socket.destroy();
  }, httpLimits.rest_ms);
  timer.unref();
}
