import type { Socket } from 'node:net';

type OnData = (chunk: Buffer) => void;

export interface FirstReader {
  /** Passes a copy of a chunk on to the listener whose place this reader has taken. */
  readonly next: OnData;
  /** From then on nobody gets what the client sends. */
  end(): void;
}

/**
 * Gives what a client sends to `read`, and not to `node:http`, or to the first reader before this one.
 * `read` must copy what it keeps: the next chunk is written to the same place.
 *
 * `node:http` reads from the socket itself until somebody listens to its data. From then on it gets its chunks by a listener, and
 * `read` takes the place of that listener.
 */
export function readFirst(socket: Socket, read: OnData): FirstReader {
  const [next] = socket.listeners('data') as [OnData];
  socket.on('data', read);
  socket.off('data', next);
  readIntoShared(socket);
  return { next: (chunk) => next(copyOf(chunk)), end: () => void socket.off('data', read) };
}

/** A copy in memory of its own. `Buffer.from` shares 8 KB among several copies, and one that is kept would keep all 8 KB. */
export function copyOf(chunk: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  chunk.copy(copy);
  return copy;
}

/** What all connections are read into, one after the other. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Fields of a socket that the option `onread` of `net.connect` sets. `node:http` has no such option for its sockets. They are private to
 * Node, so the repository pins its version, and a test sees that they work.
 */
interface Internals {
  [field: symbol]: unknown;
  readonly _handle: { useUserBuffer(buffer: Buffer): void } | null;
}

let fields: { readonly buffer: symbol; readonly onRead: symbol } | undefined;

/**
 * Node gives each chunk memory of its own, which has to be freed, and passes it through a stream. That takes a twelfth of the time of a
 * near hit. If a version of Node has no such fields, it stays so.
 */
function readIntoShared(socket: Socket): void {
  const inner = socket as unknown as Internals;
  fields ??= fieldsOf(socket);
  // A client that has gone leaves no handle.
  if (fields === undefined || inner[fields.buffer] !== null || inner._handle === null) return;
  inner[fields.buffer] = shared;
  inner[fields.onRead] = (bytes: number) => void socket.emit('data', shared.subarray(0, bytes));
  inner._handle.useUserBuffer(shared);
}

function fieldsOf(socket: Socket): typeof fields {
  const symbols = Object.getOwnPropertySymbols(socket);
  const named = (name: string) => symbols.find(({ description }) => description === name);
  const [buffer, onRead] = [named('kBuffer'), named('kBufferCb')];
  return buffer && onRead && { buffer, onRead };
}
