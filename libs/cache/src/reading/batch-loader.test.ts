import { limits } from '../timings.ts';
import { expect, test } from 'vitest';
import { BatchLoader, loadPayloads, type PayloadLoader } from './batch-loader.ts';
import type { LoadGuard } from './load-guard.ts';

const open: LoadGuard = (load) => load();

/** Records the keys of each query; answers when told to. */
function recorded() {
  const queries: string[][] = [];
  const gates: (() => void)[] = [];
  const load: PayloadLoader = async (keys) => {
    queries.push([...keys]);
    const version = queries.length;
    await new Promise<void>((resolve) => gates.push(resolve));
    return new Map(keys.map((key) => [key, { version, payload: null }]));
  };
  return { queries, gates, load };
}
const turn = () => new Promise(setImmediate);

test('keys that are asked for in one turn go into one query, each key once', async () => {
  const { queries, gates, load } = recorded();
  const loader = new BatchLoader(load, open);
  const answers = Promise.all(['a', 'b', 'a'].map((key) => loader.load(key)));
  await turn();
  await turn();
  for (const answer of gates) answer();
  expect(await answers).toHaveLength(3);
  expect(queries).toEqual([['a', 'b']]);
});

test('a key never joins a query that has been sent, because that query may read something older than the lease', async () => {
  const { queries, gates, load } = recorded();
  const loader = new BatchLoader(load, open);
  const first = loader.load('a');
  await turn();
  await turn();
  expect(queries).toHaveLength(1);
  const second = loader.load('a');
  await turn();
  await turn();
  expect(queries).toHaveLength(2);
  for (const answer of gates) answer();
  expect([await first, await second].map(({ version }) => version)).toEqual([1, 2]);
});

test('a batch that is full is followed by another', async () => {
  const { queries, gates, load } = recorded();
  const loader = new BatchLoader(load, open);
  const keys = Array.from({ length: limits.loadBatch + 1 }, (_, i) => `k${i}`);
  const answers = Promise.all(keys.map((key) => loader.load(key)));
  await turn();
  await turn();
  for (const answer of gates) answer();
  await answers;
  expect(queries.map(({ length }) => length)).toEqual([limits.loadBatch, 1]);
});

test('a failed query fails its own callers, and no later caller', async () => {
  let fails = true;
  const loader = new BatchLoader(async (keys) => {
    if (fails) throw new Error('down');
    return new Map(keys.map((key) => [key, { version: 1, payload: null }]));
  }, open);
  await expect(Promise.all([loader.load('a'), loader.load('b')])).rejects.toThrow('down');
  fails = false;
  await expect(loader.load('a')).resolves.toMatchObject({ version: 1 });
});

test('a loader that leaves out a key is an error, not an absence', async () => {
  const loader = new BatchLoader(async () => new Map(), open);
  await expect(loader.load('a')).rejects.toThrow('no answer for a');
});

test('bodies become the bytes that are served', async () => {
  const load = loadPayloads(
    async () =>
      new Map([
        ['a', { version: 3, body: { id: 'a' } }],
        ['b', { version: 4, body: null }],
      ]),
  );
  const loaded = await load(['a', 'b']);
  expect(loaded.get('a')).toEqual({ version: 3, payload: Buffer.from('{"id":"a"}') });
  expect(loaded.get('b')).toEqual({ version: 4, payload: null });
});
