import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readFirst } from './read-first.ts';

interface Readers {
  onFirst?: (chunk: Buffer, next: (chunk: Buffer) => void) => void;
  onNext?: (chunk: Buffer) => void;
}

/** A connection with a listener, as `node:http` is one. */
async function connection({ onFirst, onNext }: Readers = {}) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay(true);
  const [socket] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const seen: string[] = [];
  socket.on('data', (chunk: Buffer) => {
    seen.push(`listener ${chunk.toString()}`);
    onNext?.(chunk);
  });
  const first = readFirst(socket, (chunk) => {
    seen.push(`first ${chunk.toString()}`);
    onFirst?.(chunk, first.next);
  });
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
  const size = 16 * 1024 * 1024;
  socket.pause();
  client.write('a'.repeat(size));
  // When this one is read, the process has looked at all its connections.
  const later = await connection();
  later.client.write('b');
  await expect.poll(() => later.seen).toEqual(['first b']);
  expect(seen).toEqual([]);
  expect(socket.readableLength).toBe(0);
  expect(client.writableLength).toBe(size);
  socket.resume();
  const read = () => seen.reduce((sum, chunk) => sum + chunk.length - 'first '.length, 0);
  await expect.poll(read).toBe(size);
});

test('all connections are read into one buffer, and what is passed on is a copy', async () => {
  const own: Buffer[] = [];
  const passedOn: Buffer[] = [];
  for (const text of ['a', 'b']) {
    const { client } = await connection({
      onFirst(chunk, next) {
        own.push(chunk);
        next(chunk);
      },
      onNext: (chunk) => passedOn.push(chunk),
    });
    client.write(text);
    await expect.poll(() => passedOn.at(-1)?.toString()).toBe(text);
  }
  expect(own[0]?.buffer).toBe(own[1]?.buffer);
  expect(own.map(String)).toEqual(['b', 'b']);
  expect(passedOn.map(String)).toEqual(['a', 'b']);
  expect(passedOn.map(({ buffer }) => buffer.byteLength)).toEqual([1, 1]);
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
