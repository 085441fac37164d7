import type { Socket } from 'node:net';
import { Readable } from 'node:stream';

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
  socket.push = (chunk: Buffer | null) => push(socket, chunk, read);
  return {
    next,
    end() {
      socket.off('data', read);
      socket.push = Readable.prototype.push;
    },
  };
}

/**
 * Takes a chunk before the stream does, if the stream would only pass it on. Its look at its state, its event, and its question for more
 * in a tick of their own are a twentieth of a near hit.
 *
 * @param chunk null at the end
 * @returns whether to read more
 */
function push(socket: Socket, chunk: Buffer | null, read: OnData): boolean {
  if (chunk === null || socket.readableFlowing !== true || socket.readableLength > 0)
    return Readable.prototype.push.call(socket, chunk);
  read(chunk);
  return true;
}
