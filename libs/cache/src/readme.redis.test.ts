import { readFile } from 'node:fs/promises';
import { startRedis } from '@catalog/testing';
import { expect, test } from 'vitest';
import { createCache } from './index.ts';

test('the first lines of the README do what they say', async () => {
  await using server = await startRedis();
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const code = /```ts\nimport .*\n([^]*?)```/.exec(readme)?.[1] ?? '';
  const asModule = `export default async (createCache, url) => { ${code} return {
    lamp: [lamp.value, lamp.source], both: both.map(({ value }) => value), greeting }; };`;
  const { default: run } = (await import(`data:text/javascript,${encodeURIComponent(asModule)}`)) as {
    default: (create: typeof createCache, url: string) => Promise<unknown>;
  };
  expect(await run(createCache, server.url)).toEqual({
    lamp: [{ id: '1' }, 'stored'],
    both: [{ id: '1' }, { id: '2' }],
    greeting: { text: 'hello ada' },
  });
});
