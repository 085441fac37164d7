import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually } from '@catalog/testing';
import { expect, onTestFinished, test } from 'vitest';
import { startTestService } from './service.fixture.ts';

async function open(port: number, from: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.resume();
  return socket;
}

async function service(options: Parameters<typeof startTestService>[0] = {}) {
  const started = await startTestService({ connectionsOfAddress: 5, ...options });
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

// Only Linux has 127.0.0.2 by default.
test.runIf(process.platform === 'linux')(
  'an address that has its share of connections gets no more, and others are not affected',
  async () => {
    const { port, url, logLines } = await service();
    const sockets = await Promise.all(Array.from({ length: 8 }, () => open(port, '127.0.0.2')));
    await eventually(() => sockets.filter(({ destroyed }) => destroyed).length === 3);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect(logLines.filter((line) => line.includes('has its share'))).toHaveLength(1);
    // A place that is given back is free again.
    sockets.find(({ destroyed }) => !destroyed)?.destroy();
    await eventually(async () => {
      const late = await open(port, '127.0.0.2');
      late.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
      const [answer] = (await Promise.race([once(late, 'data'), once(late, 'close')])) as [unknown];
      return String(answer).startsWith('HTTP/1.1 200');
    });
  },
);

test.runIf(process.platform === 'linux')('a trusted proxy has no share', async () => {
  const { port } = await service({ trustedProxies: ['127.0.0.2'] });
  const sockets = await Promise.all(Array.from({ length: 8 }, () => open(port, '127.0.0.2')));
  sockets[7]?.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(String((await once(sockets[7] as Socket, 'data'))[0])).toContain('200');
  expect(sockets.filter(({ destroyed }) => destroyed)).toEqual([]);
});
