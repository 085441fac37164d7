import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, expect, test, vi } from 'vitest';

vi.setConfig({ testTimeout: 120_000 });

const repository = resolve(import.meta.dirname, '../..');
const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const commands = Object.entries(scripts).flatMap(([name, script]) =>
  script.includes('infra/bootstrap.mjs') ? [name] : [],
);

async function run(
  args: readonly string[],
  { env = {}, root = repository }: { env?: NodeJS.ProcessEnv; root?: string } = {},
): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [join(root, 'infra/bootstrap.mjs'), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const said = (await Promise.all([text(child.stdout), text(child.stderr)])).join('');
  const [code] = (await exited) as [number | null];
  return { code, said };
}

/** A copy of what a fresh clone has before anything is installed. */
const fresh = mkdtempSync(join(tmpdir(), 'fresh-clone-'));
for (const part of ['infra/bootstrap.mjs', 'infra/bootstrap', 'package.json', 'package-lock.json', '.npmrc'])
  cpSync(join(repository, part), join(fresh, part), { recursive: true });
afterAll(() => rmSync(fresh, { recursive: true }));

test('there are commands', () => expect(commands.length).toBeGreaterThan(10));

test.each(commands)('%s --help says what it does and what it takes, and does nothing', async (name) => {
  const { code, said } = await run([name, '--help']);
  expect(code).toBe(0);
  expect(said).toMatch(new RegExp(`^Usage: npm (?:run )?${name}\\b`));
  expect(said).toContain('--help');
});

test('help needs no installed package', async () => {
  expect(await run(['import', '--help'], { root: fresh })).toEqual({
    code: 0,
    said: expect.stringContaining('--on-existing RULE') as string,
  });
});

test.each(commands.filter((name) => name !== 'test'))(
  '%s refuses an unknown option by its name, without a stack, and before any work',
  async (name) => {
    const { code, said } = await run([name, '--no-such-option']);
    expect(code).toBeGreaterThan(0);
    expect(said).toContain("Unknown option '--no-such-option'");
    expect(said).toMatch(/--help/);
    expect(said).not.toMatch(/^ +at /m);
  },
);

test('without a network the install says so, and does not try for minutes', async () => {
  // It accepts connections and never answers, as a network that drops packets.
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as { port: number };
  const began_ms = performance.now();
  const { code, said } = await run(['reset'], {
    root: fresh,
    env: {
      npm_config_registry: `http://127.0.0.1:${port}/`,
      npm_config_cache: join(fresh, 'cache'),
      npm_execpath: '',
    },
  });
  const took_s = (performance.now() - began_ms) / 1_000;
  silent.close();
  expect(code).toBe(1);
  expect(said).toContain('The npm registry cannot be reached');
  expect(said).toContain('Check the network');
  // The promise to a person: 20 s. npm alone tries for more than two minutes.
  expect(took_s).toBeLessThan(60);
});
