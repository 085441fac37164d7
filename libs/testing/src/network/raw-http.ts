import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * Sends exactly these bytes on a connection of their own and gives back everything that comes until the
 * server closes it, or until nothing has come for `quiet_ms`. For requests that no HTTP client would send.
 */
export async function rawHttp(
  port: number,
  bytes: string | Buffer,
  options: { quiet_ms?: number } = {},
): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A reset after an answer is one of the endings that a test looks at; what came before it counts.
  socket.on('error', () => {});
  socket.setTimeout(options.quiet_ms ?? 500, () => socket.destroy());
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('utf8');
}
