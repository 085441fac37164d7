import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** The connections of a server that does not listen. Node counts only those that a server has accepted itself. */
export class GivenConnections {
  readonly #open = new Set<Socket>();
  readonly #server: Server;
  #onEmpty: (() => void) | undefined;

  constructor(server: Server, source: { onConnection(take: (socket: Socket) => void): void }) {
    this.#server = server;
    // With this event Node begins to track requests, so that those that are too slow are cut off.
    server.emit('listening');
    source.onConnection((socket) => this.#take(socket));
  }

  /** Resolves as soon as no connection is open. */
  allClosed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      if (this.#open.size === 0) resolve();
    });
  }

  #take(socket: Socket): void {
    if (this.#open.size >= this.#server.maxConnections) {
      this.#server.emit('drop');
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    socket.once('close', () => {
      this.#open.delete(socket);
      if (this.#open.size === 0) this.#onEmpty?.();
    });
    // As for the sockets that a server of Node accepts.
    socket.allowHalfOpen = true;
    this.#server.emit('connection', socket);
  }
}
