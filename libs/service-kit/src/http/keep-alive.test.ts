import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually } from '@catalog/testing';
import { expect, test, vi } from 'vitest';
import { httpLimits } from './limits.ts';
import { startTestService } from './service.fixture.ts';

vi.setConfig({ testTimeout: 60_000 });

/** The most common idle timeout of load balancers. */
const balancer_s = 60;

async function ask(socket: Socket): Promise<string> {
  socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString();
}

async function idleConnection(port: number): Promise<{ socket: Socket; promised_s: number }> {
  const socket = connect(port, '127.0.0.1');
  const answer = await ask(socket);
  return { socket, promised_s: Number(/keep-alive: timeout=(\d+)/i.exec(answer)?.[1]) };
}

test('an idle connection stays open for the time that is set, longer than that of a load balancer', async () => {
  await using usual = await startTestService({});
  // Longer than the limit for headers, which must not cut off the request after the pause.
  await using short = await startTestService({ keepAlive_ms: httpLimits.headers_ms + 1_000 });
  const patient = await idleConnection(usual.port);
  const impatient = await idleConnection(short.port);
  expect(impatient.promised_s).toBe(5);
  expect(patient.promised_s).toBeGreaterThan(balancer_s);

  await eventually(() => impatient.socket.closed || impatient.socket.readableEnded, { timeout_ms: 30_000 });
  expect(await ask(patient.socket)).toContain('200 OK');
  patient.socket.destroy();
  impatient.socket.destroy();
});
