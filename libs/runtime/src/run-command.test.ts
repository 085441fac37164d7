import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';

const start = (how: string) =>
  spawn(process.execPath, [join(import.meta.dirname, 'run-command.fixture.ts'), how], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** A reader that is slower than the command. */
async function slowly(output: NodeJS.ReadableStream): Promise<number> {
  let length = 0;
  for await (const chunk of output) {
    length += chunk.length;
    await pause(5);
  }
  return length;
}

test.each([
  ['0', 0, /^$/],
  ['3', 3, /^$/],
  ['mistake', 1, /^Correct this: the wrong number\n$/],
  ['bug', 1, /^TypeError: a bug\n +at /],
])('a command that ends with %s has written all of its output before', async (how, code, errors) => {
  const child = start(how);
  const exited = once(child, 'exit');
  const [length, said] = await Promise.all([slowly(child.stdout), text(child.stderr)]);
  expect(await exited).toEqual([code, null]);
  expect(length).toBe(1_000_000);
  expect(said).toMatch(errors);
});

test('a reader that leaves early is no error', async () => {
  const child = start('0');
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  child.stdout.destroy();
  expect(await text(child.stderr)).toBe('');
  expect(await exited).toEqual([0, null]);
});
