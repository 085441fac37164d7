import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { readFirst } from './read-first.ts';

/** A connection with a listener, as `node:http` is one. */
async function connection() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay(true);
  const [socket] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const seen: string[] = [];
  socket.on('data', (chunk: Buffer) => seen.push(`listener ${chunk.toString()}`));
  const first = readFirst(socket, (chunk) => seen.push(`first ${chunk.toString()}`));
  return { socket, client, seen, first };
}

test('each chunk goes to the first reader, which passes on what it wants', async () => {
  const { client, seen, first } = await connection();
  client.write('a');
  await expect.poll(() => seen).toEqual(['first a']);
  first.next(Buffer.from('b'));
  expect(seen).toEqual(['first a', 'listener b']);
});

test('while the connection is paused nothing is read, and the client has to wait', async () => {
  const { socket, client, seen } = await connection();
  socket.pause();
  client.write('a'.repeat(16 * 1024 * 1024));
  await expect.poll(() => socket.readableLength).toBeGreaterThan(0);
  await sleep(100);
  expect(seen).toEqual([]);
  expect(socket.readableLength).toBeLessThan(256 * 1024);
  expect(client.writableLength).toBeGreaterThan(0);
  socket.resume();
  const read = () => seen.reduce((sum, chunk) => sum + chunk.length - 'first '.length, 0);
  await expect.poll(read).toBe(16 * 1024 * 1024);
});

test('what has waited comes before what is newer', async () => {
  const { socket, client, seen } = await connection();
  socket.pause();
  client.write('a');
  await expect.poll(() => socket.readableLength).toBe(1);
  socket.resume();
  socket.push(Buffer.from('b'));
  await expect.poll(() => seen.join(' ')).toBe('first a first b');
});

test('after its end nobody gets what the client sends', async () => {
  const { socket, client, seen, first } = await connection();
  client.write('a');
  await expect.poll(() => seen).toEqual(['first a']);
  first.end();
  client.end('b');
  await once(socket, 'end');
  expect(seen).toEqual(['first a']);
});
