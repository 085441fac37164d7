/** Starts a real Redis with the configurations for Docker. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, rawHttp, redisProgram } from '@catalog/testing';
import { expect, test } from 'vitest';

const ask = async (port: number, command: string): Promise<string> => rawHttp(port, `${command}\r\nQUIT\r\n`);

test.each([
  ['cache', 'allkeys-lfu', 'no'],
  ['state', 'noeviction', 'yes'],
])('the %s Redis has the policy %s, and appendonly is %s', async (name, policy, appendonly) => {
  const folder = await mkdtemp(join(tmpdir(), 'catalog-redis-conf-'));
  const port = await freePort();
  const file = join(import.meta.dirname, `${name}.conf`);
  const child = spawn(redisProgram, [file, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>)
      if (chunk.includes('Ready to accept connections')) break;
    expect(await ask(port, 'CONFIG GET maxmemory-policy')).toContain(policy);
    expect(await ask(port, 'CONFIG GET appendonly')).toMatch(
      new RegExp(`appendonly\r\n\\$\\d\r\n${appendonly}\r\n`),
    );
    expect(await ask(port, 'CONFIG GET save')).toContain('$0\r\n');
    expect(await readFile(file, 'utf8')).toContain('maxmemory 256mb');
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(folder, { recursive: true });
  }
});
