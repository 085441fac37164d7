/** The stack with a Redis Cluster as the cache, as `CACHE=cluster npm start` starts it. */
import { slotOf } from '@catalog/redis';
import { eventually, stackPlace, startLocalStack, type LocalStack } from '@catalog/testing';
import { createPool } from '@catalog/database';
import { expect, test } from 'vitest';

const start = (place: Parameters<typeof startLocalStack>[0]) =>
  startLocalStack(place, { env: { CACHE: 'cluster' } });

const nodes = [1, 2, 3, 4, 5, 6].map((n) => `cache-redis-${n}`);

async function read(stack: LocalStack, id: string): Promise<{ price: number; source: string }> {
  const response = await fetch(`${stack.url('catalog-read')}/v1/products/${id}`);
  const { priceMinor } = (await response.json()) as { priceMinor: number };
  return { price: priceMinor, source: String(response.headers.get('cache-status')) };
}

/** Products with keys in all parts of the slots. */
async function someProducts(stack: LocalStack): Promise<string[]> {
  const sql = createPool({ url: await stack.databaseUrl(), applicationName: 'test' });
  const { rows } = await sql.query<{ id: string }>('select id from catalog.products order by id limit 200');
  await sql.end();
  const thirds = Map.groupBy(rows, ({ id }) => Math.floor(slotOf(`product:${id}`) / 5_462));
  return [...thirds.values()].flatMap((own) => own.slice(0, 3).map(({ id }) => id));
}

test('edits are seen, a killed master comes back, and a second start finds the cluster again', async () => {
  await using place = await stackPlace();
  {
    await using stack = await start(place);
    expect(Object.keys(await stack.pids())).toEqual(expect.arrayContaining(nodes));
    expect(Object.keys(await stack.pids())).not.toContain('cache-redis');
    const ids = await someProducts(stack);
    expect(ids).toHaveLength(9);
    const areHits = async () => {
      for (const id of ids) expect((await read(stack, id)).source).toContain('; hit');
    };
    await eventually(areHits, { timeout_ms: 10_000 });

    const before = await Promise.all(ids.map((id) => read(stack, id)));
    const sql = createPool({ url: await stack.databaseUrl(), applicationName: 'test' });
    await sql.query('update catalog.products set price_minor = price_minor + 1 where id = any ($1)', [ids]);
    await sql.end();
    await eventually(async () => {
      const after = await Promise.all(ids.map((id) => read(stack, id)));
      expect(after.map(({ price }) => price)).toEqual(before.map(({ price }) => price + 1));
    });

    const from = stack.said.length;
    process.kill((await stack.pids())['cache-redis-1'] ?? 0, 'SIGKILL');
    await stack.hears(/cache-redis-1 is back/, from);
    await eventually(areHits, { timeout_ms: 20_000 });
  }
  await using stack = await start(place);
  const [id = ''] = await someProducts(stack);
  await eventually(async () => expect((await read(stack, id)).source).toContain('; hit'), {
    timeout_ms: 10_000,
  });
}, 180_000);

test('another value of CACHE is refused', async () => {
  await using place = await stackPlace();
  await using stack = await startLocalStack(place, { env: { CACHE: 'both' }, awaitReady: false });
  expect(await stack.exited).not.toBe(0);
  expect(stack.said.join('\n')).toContain('CACHE is "both"');
}, 60_000);
