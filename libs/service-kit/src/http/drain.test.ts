import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { eventually } from '@catalog/testing';
import { expect, test } from 'vitest';
import { startTestService } from './service.fixture.ts';

type Outcome = 'ok' | 'refused' | { reset: string };

async function ask(
  port: number,
  path: string,
  agent: Agent,
): Promise<{ outcome: Outcome; connection?: string | undefined }> {
  const asking = get({ port, host: '127.0.0.1', path, agent });
  try {
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response.setEncoding('utf8')) body += String(chunk);
    return {
      outcome:
        response.statusCode === 200 && body === 'done' ? 'ok' : { reset: `status ${response.statusCode}` },
      connection: response.headers.connection,
    };
  } catch (error) {
    const { code = 'no code' } = error as NodeJS.ErrnoException;
    return { outcome: code === 'ECONNREFUSED' ? 'refused' : { reset: code } };
  }
}

async function startProcess(): Promise<{ port: number; child: ChildProcess; exited: Promise<unknown[]> }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'drain.fixture.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(line.toString()), child, exited };
}

test('under load over kept-alive connections, SIGTERM loses no request', async () => {
  for (let round = 0; round < 5; round++) {
    const { port, child, exited } = await startProcess();
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const outcomes: Outcome[] = [];
    const loop = async (): Promise<void> => {
      for (;;) {
        const { outcome } = await ask(port, '/work', agent);
        outcomes.push(outcome);
        if (outcome !== 'ok') return;
      }
    };
    const loops = Promise.all(Array.from({ length: 16 }, loop));
    try {
      await eventually(() => outcomes.length > 500);
      child.kill('SIGTERM');
      await loops;
      expect(await exited).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
      agent.destroy();
    }
    expect(outcomes.filter((outcome) => outcome === 'ok').length).toBeGreaterThan(500);
    expect(outcomes.filter((outcome) => outcome !== 'ok')).toEqual(Array(16).fill('refused'));
  }
});

test('an answer under way is finished, says that the connection ends, and only then the drain ends', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<undefined>();
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<undefined>();
  await using service = await startTestService({
    routes(app) {
      app.get('/long', async (_req, res) => {
        arrive(undefined);
        await released;
        res.send('done');
      });
    },
  });
  const agent = new Agent({ keepAlive: true });
  const asked = ask(service.port, '/long', agent);
  await arrived;
  let drained = false;
  const drain = service.drain().then(() => {
    drained = true;
  });
  await eventually(() => !service.server.listening);
  expect(drained).toBe(false);
  expect((await ask(service.port, '/livez', new Agent())).outcome).toBe('refused');
  release(undefined);
  expect(await asked).toEqual({ outcome: 'ok', connection: 'close' });
  await drain;
  agent.destroy();
});

test('during the grace it is not ready and still answers', async () => {
  await using service = await startTestService({ routes: () => {}, drainGrace_ms: 500 });
  expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
  const drain = service.drain();
  expect((await fetch(`${service.url}/readyz`)).status).toBe(503);
  expect((await fetch(`${service.url}/livez`)).status).toBe(200);
  await drain;
});

test('idle connections do not hold up the drain', async () => {
  await using service = await startTestService({ routes: () => {} });
  const agent = new Agent({ keepAlive: true });
  const response = get({ port: service.port, host: '127.0.0.1', path: '/livez', agent });
  const [message] = (await once(response, 'response')) as [IncomingMessage];
  await message.resume().toArray();
  const began = performance.now();
  await service.drain();
  // Without closing them it would take until the drain gives up, 8 s.
  expect(performance.now() - began).toBeLessThan(4_000);
  expect(service.logLines.join('\n')).not.toContain('cut off');
  agent.destroy();
});
