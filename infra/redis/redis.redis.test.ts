/** Starts a real Redis with the configurations for Docker. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, freePort, rawHttp, redisProgram } from '@catalog/testing';
import { expect, test } from 'vitest';

const ask = async (port: number, command: string): Promise<string> => rawHttp(port, `${command}\r\nQUIT\r\n`);
const fileOf = (name: string): string => join(import.meta.dirname, `${name}.conf`);

async function started(name: string): Promise<AsyncDisposable & { readonly port: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'catalog-redis-conf-'));
  const port = await freePort();
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const child = spawn(redisProgram, [fileOf(name), ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const chunk of child.stdout as AsyncIterable<Buffer>)
    if (chunk.includes('Ready to accept connections')) break;
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      await rm(folder, { recursive: true });
    },
  };
}

test.each([
  ['cache', 'allkeys-lfu', 'no'],
  ['state', 'noeviction', 'yes'],
])('the %s Redis has the policy %s, and appendonly is %s', async (name, policy, appendonly) => {
  await using redis = await started(name);
  expect(await ask(redis.port, 'CONFIG GET maxmemory-policy')).toContain(policy);
  expect(await ask(redis.port, 'CONFIG GET appendonly')).toMatch(
    new RegExp(`appendonly\r\n\\$\\d\r\n${appendonly}\r\n`),
  );
  expect(await ask(redis.port, 'CONFIG GET save')).toContain('$0\r\n');
  expect(await readFile(fileOf(name), 'utf8')).toContain('maxmemory 256mb');
});

test.each(['cache', 'state', 'cluster'])(
  'the %s Redis cuts off a client that takes no answers, and keeps what it holds',
  async (name) => {
    await using redis = await started(name);
    if (name === 'cluster') await ask(redis.port, 'CLUSTER ADDSLOTSRANGE 0 16383');
    await eventually(async () => (await ask(redis.port, 'SETRANGE large 4000000 x')).includes(':4000001'));
    const deaf = connect(redis.port, '127.0.0.1');
    deaf.on('error', () => {});
    await once(deaf, 'connect');
    deaf.pause();
    deaf.write('GET large\r\n'.repeat(100));
    // Its answers have 400 MB, more than the memory of the container.
    await eventually(async () => /evicted_clients:1/.test(await ask(redis.port, 'INFO stats')));
    expect(await ask(redis.port, 'EXISTS large')).toContain(':1');
    deaf.destroy();
  },
);
