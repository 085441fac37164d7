import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * Sends exactly these bytes on a new connection, for requests that no HTTP client would send.
 *
 * @returns everything that comes until the server closes the connection, or sends nothing for `quiet_ms`
 */
export async function rawHttp(
  port: number,
  bytes: string | Buffer,
  options: { quiet_ms?: number } = {},
): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // The server may reset the connection after its answer. The bytes before the reset count.
  socket.on('error', () => {});
  socket.setTimeout(options.quiet_ms ?? 500, () => socket.destroy());
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('utf8');
}
