/** A row in which a writer dies after its commit and before its answer. */
import { randomUUID } from 'node:crypto';
import { pause } from '@catalog/runtime';
import { eventually, startWriter } from '@catalog/testing';
import { writeProduct } from '../load/product-write.ts';
import { deafProxy } from '../system/deaf-proxy.ts';
import type { System } from '../system/system.ts';
import { withPort } from '../system/with-port.ts';
import type { Row } from './row.ts';

const create = (system: System, sku: string, service?: string) =>
  writeProduct(
    system,
    'POST',
    '',
    {
      sku,
      name: 'Once',
      description: '',
      brand: 'Acme',
      category: 'once',
      gtin: null,
      weightGrams: null,
      lengthMm: null,
      widthMm: null,
      heightMm: null,
      priceMinor: 1,
      currency: 'EUR',
      status: 'active',
      attributes: {},
    },
    { 'idempotency-key': sku },
    service,
  );

const manySkus = (count: number): string[] => Array.from({ length: count }, () => `ONCE-${randomUUID()}`);

async function countRows({ sql }: System, skus: readonly string[]): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    'select count(*) as count from catalog.products where sku = any ($1)',
    [skus],
  );
  return rows[0]?.count ?? 0;
}

/** Repeats each creation until it is answered with 201. */
async function askAgain(system: System, skus: readonly string[]): Promise<void> {
  for (const sku of skus) {
    await eventually(async () => (await create(system, sku)).status === 201, {
      timeout_ms: 20_000,
      interval_ms: 100,
    });
  }
}

/** Each waits for the answer to its COMMIT. One caller gets half of the connections of a writer, and this is less. */
const atOnce = 4;

/** Kills a writer whose commits are done, and which does not hear of them. */
async function killAfterCommit(
  system: System,
): Promise<{ skus: string[]; committed: number; answered: number }> {
  await using proxy = await deafProxy(system.stack.port('postgres'));
  const databaseUrl = withPort(await system.stack.databaseUrl('catalog_write'), proxy.port);
  await using writer = await startWriter(system.stack, { env: { DATABASE_URL: databaseUrl } });
  proxy.withholdCommits();
  const skus = manySkus(atOnce);
  const asked = Promise.allSettled(skus.map((sku) => create(system, sku, writer.url)));
  await eventually(async () => (await countRows(system, skus)) === skus.length, { timeout_ms: 4_000 });
  const committed = await countRows(system, skus);
  process.kill(writer.pid, 'SIGKILL');
  system.countKill('catalog-write');
  const answered = (await asked).filter(({ status }) => status === 'fulfilled').length;
  return { skus, committed, answered };
}

export const writerRow: Row = {
  id: '14',
  fault: 'a writer dies after its commit and before its answer',
  injected:
    `kill -9 of a catalog-write that does not hear that its ${atOnce} creations are committed; ` +
    'kill -9 of another one while 20 creations run; each creation is repeated with its Idempotency-Key',
  async inject({ system, random, observe, expect }) {
    const { skus, committed, answered } = await killAfterCommit(system);
    await askAgain(system, skus);
    const after = await countRows(system, skus);
    observe(
      `${committed} of ${skus.length} creations were committed and ${answered} answered at the kill; ${after} rows at the end`,
    );
    expect(committed === skus.length && answered === 0, 'it died after the commits, before the answers');
    expect(after === skus.length, 'each product exists once');

    const more = manySkus(20);
    const first = Promise.allSettled(more.map((sku) => create(system, sku)));
    await pause(10 * random());
    await system.killAndAwait('catalog-write');
    await first;
    await askAgain(system, more);
    const count = await countRows(system, more);
    expect(count === more.length, `each of ${more.length} products exists once (${count})`);
  },
};
