import type { Socket } from 'node:net';

type OnData = (chunk: Buffer) => void;

export interface FirstReader {
  /** Passes a chunk on to the listener whose place this reader has taken. */
  readonly next: OnData;
  /** From then on nobody gets what the client sends. */
  end(): void;
}

/**
 * Gives what a client sends to `read`, and not to `node:http`, or to the first reader before this one.
 *
 * `node:http` reads from the socket itself until somebody listens to its data. From then on it gets its chunks by a listener, and
 * `read` takes the place of that listener.
 */
export function readFirst(socket: Socket, read: OnData): FirstReader {
  const [next] = socket.listeners('data') as [OnData];
  socket.on('data', read);
  socket.off('data', next);
  return { next, end: () => void socket.off('data', read) };
}
