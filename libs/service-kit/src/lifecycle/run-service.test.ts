import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

async function run(mode: string, signal?: NodeJS.Signals): Promise<{ code: unknown; lines: string[] }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run-service.fixture.ts'), mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const output = text(child.stdout);
  if (signal !== undefined) child.stdout.once('data', () => child.kill(signal));
  const [code] = (await exited) as [number | null];
  return { code, lines: (await output).trim().split('\n') };
}

test('a signal stops the parts in reverse order, and the process exits with 0', async () => {
  expect(await run('works', 'SIGTERM')).toEqual({
    code: 0,
    lines: ['started', 'first stops', 'other stops'],
  });
});

test.each(['fails', 'ends'])(
  'a part that %s before it is told to stop ends the service: the others stop, and the process exits with 1',
  async (mode) => {
    const { code, lines } = await run(mode);
    expect(code).toBe(1);
    expect(lines).toContain('other stops');
  },
);
