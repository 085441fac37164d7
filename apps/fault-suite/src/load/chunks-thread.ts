/** A thread that opens many connections, and sends chunks of hundreds of requests on each. At the end it reports how many chunks it sent. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

export interface Chunks {
  readonly port: number;
  readonly connections: number;
  readonly chunk_bytes: number;
  readonly time_ms: number;
}

export interface SentChunks {
  chunks: number;
  /** Connections that the server ended. */
  cutOff: number;
}

const { port, connections, chunk_bytes, time_ms } = workerData as Chunks;
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const chunk = get('/livez').repeat(Math.floor(chunk_bytes / get('/livez').length));
const end_ms = performance.now() + time_ms;
const sent: SentChunks = { chunks: 0, cutOff: 0 };

/** Sends chunks on one connection, and on another one when that is cut off. It reads nothing of their answers. */
async function sendChunks(n: number): Promise<void> {
  while (performance.now() < end_ms) {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ...(process.platform === 'linux' && { localAddress: `127.0.5.${(n % 250) + 1}` }),
    });
    socket.on('error', () => {});
    await once(socket, 'connect').catch(() => undefined);
    // Half of them send a chunk behind a request that waits for Postgres, on a connection whose headers are known.
    if (n % 2 === 0) await askUncached(socket);
    socket.pause();
    while (socket.writable && performance.now() < end_ms) {
      if (!socket.writableNeedDrain) {
        socket.write(chunk);
        sent.chunks += 1;
      }
      await pause(50);
    }
    if (performance.now() < end_ms) sent.cutOff += 1;
    socket.destroy();
  }
}

/** The server knows the headers of a connection after a few requests. It still makes the answer to the last one. */
async function askUncached(socket: Socket): Promise<void> {
  for (let n = 0; n < 4 && socket.writable; n++) {
    socket.write(get(`/v1/products/${randomUUID()}`));
    await once(socket, 'data', { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
  }
  if (socket.writable) socket.write(get(`/v1/products/${randomUUID()}`));
  // Otherwise both would be one chunk.
  await pause(1);
}

await Promise.all(Array.from({ length: connections }, (_, n) => sendChunks(n)));
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a thread has no origin
parentPort?.postMessage(sent);
