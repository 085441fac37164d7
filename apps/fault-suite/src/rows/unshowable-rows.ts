/** Values that the API cannot show, and orders whose total is too large for an exact number. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { maxOrderWeightGrams } from '@catalog/contracts';
import { call, type Answer } from '../load/call.ts';
import type { System } from '../system/system.ts';
import type { Row, Stage } from './row.ts';

const category = 'unshowable';

/** Each of them in one column of a product. */
const unshowable = [
  "created_at = 'infinity'",
  "created_at = '12026-01-01'",
  `attributes = '{"n": 1e400}'`,
] as const;

/** The constraints that refuse them. */
const constraints = [
  ['catalog.moment', 'moment_has_iso_form'],
  ['catalog.product_attributes', 'products_attributes_flat'],
] as const;

async function insertProducts({ sql }: System, count: number, weightGrams = 1): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await sql.query(
    `insert into catalog.products (id, sku, name, brand, category, weight_grams, price_minor, currency, status)
     select id, 'SHOWN-' || id, 'Shown', 'Acme', $2, $3, 1, 'EUR', 'active' from unnest($1::uuid[]) as ids (id)`,
    [ids, category, weightGrams],
  );
  return ids;
}

/** @returns the status, and the ids in `data` */
async function idsOf(url: string): Promise<{ status: number; ids: string[] }> {
  const { status, body } = await call(undefined, 'GET', url);
  const { data = [] } = JSON.parse(body) as { data?: { id: string }[] };
  return { status, ids: data.map(({ id }) => id).sort() };
}

async function placeOrder(
  { stack }: System,
  lines: readonly { readonly sku: string; readonly quantity: number }[],
): Promise<Answer> {
  const body = JSON.stringify({ customerId: 'fault-suite', lines });
  return call(
    undefined,
    'POST',
    `${stack.url('orders')}/v1/orders`,
    {
      authorization: `Bearer ${await stack.token('orders', 'orders:write')}`,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'idempotency-key': randomUUID(),
    },
    body,
  );
}

/** Drops the constraints while `work` runs. They come back without a check of the rows, which would block writers. */
async function withoutConstraints({ sql }: System, work: () => Promise<void>): Promise<void> {
  const restore: string[] = [];
  try {
    for (const [domain, name] of constraints) {
      const { rows } = await sql.query<{ definition: string }>(
        'select pg_get_constraintdef(oid) as definition from pg_constraint where conname = $1',
        [name],
      );
      await sql.query(`alter domain ${domain} drop constraint ${name}`);
      restore.push(`alter domain ${domain} add constraint ${name} ${rows[0]?.definition} not valid`);
    }
    await work();
  } finally {
    await sql.query('delete from catalog.products where category = $1', [category]);
    for (const statement of restore) await sql.query(statement);
  }
}

async function expectHiddenAlone(
  { system, observe, expect }: Stage,
  shown: string[],
  hidden: string[],
): Promise<void> {
  const expected = [...shown].sort().join();
  for (const { name, url } of system.readers) {
    const page = await idsOf(`${url}/v1/products?category=${category}`);
    const named = await idsOf(`${url}/v1/products?ids=${[...shown, ...hidden].join()}`);
    expect(page.status === 200 && page.ids.join() === expected, `${name}: a page lacks only the hidden rows`);
    expect(
      named.status === 200 && named.ids.join() === expected,
      `${name}: an answer by ids lacks only the hidden rows`,
    );
  }
  const order = await placeOrder(system, [{ sku: `SHOWN-${hidden.at(-1)}`, quantity: 1 }]);
  observe(`an order of a hidden product got ${order.status}`);
  expect(order.status === 422 || order.status === 400, 'an order of a hidden product is refused');
  const log = await readFile(join(system.stack.folder, 'logs', 'catalog-read.log'), 'utf8');
  const reported = hidden.filter((id) =>
    log.split('\n').some((line) => line.includes(id) && line.includes('left out')),
  );
  observe(`${reported.length} of ${hidden.length} hidden rows are in the log of catalog-read`);
  expect(reported.length === hidden.length, 'each hidden row is in the log');
}

export const unshowableRows: readonly Row[] = [
  {
    id: '54+65',
    fault: 'rows that JSON cannot show',
    injected: `SQL sets ${unshowable.join(', ')}: with the constraints, and in a database that has lost them`,
    async inject(stage) {
      const { system, expect } = stage;
      const ids = await insertProducts(system, unshowable.length + 2);
      const hidden = ids.slice(0, unshowable.length);
      const setAll = () =>
        Promise.all(
          unshowable.map((value, index) =>
            system.sql.query(`update catalog.products set ${value} where id = $1`, [hidden[index]]).then(
              () => '',
              (error: { code?: string }) => error.code,
            ),
          ),
        );
      const codes = await setAll();
      expect(
        codes.every((code) => code === '23514'),
        `constraints refuse each value (${codes.join()})`,
      );
      await withoutConstraints(system, async () => {
        expect(
          (await setAll()).every((code) => code === ''),
          'without constraints Postgres takes each value',
        );
        await expectHiddenAlone(stage, ids.slice(unshowable.length), hidden);
      });
    },
  },
  {
    id: '55',
    fault: 'an order that is too heavy for an exact total',
    injected: 'orders of five lines with the largest weight and quantity, and of one line near the limit',
    async inject({ system, observe, expect }) {
      const grams = 2_147_483_647;
      const ids = await insertProducts(system, 5, grams);
      const skus = ids.map((id) => `SHOWN-${id}`);
      await system.sql.query(
        'insert into catalog.stock (product_id, on_hand) select unnest($1::uuid[]), 2000000',
        [ids],
      );
      const heaviest = await placeOrder(
        system,
        skus.map((sku) => ({ sku, quantity: 1_000_000 })),
      );
      const quantity = Math.floor(maxOrderWeightGrams / grams);
      const allowed = await placeOrder(system, [{ sku: skus[0] ?? '', quantity }]);
      const total = (JSON.parse(allowed.body) as { totalWeightGrams?: number }).totalWeightGrams;
      observe(`the heaviest order got ${heaviest.status}, the one near the limit ${allowed.status}`);
      expect(
        !Number.isSafeInteger(5 * 1_000_000 * grams),
        'no number holds the weight of the heaviest order',
      );
      expect(
        [400, 422].includes(heaviest.status) && heaviest.body.includes('weighs too much'),
        `an order whose total is too large for an exact number is refused: ${heaviest.body}`,
      );
      expect(
        allowed.status === 201 && BigInt(total ?? -1) === BigInt(grams) * BigInt(quantity),
        `an order near the limit has its exact weight: ${allowed.body}`,
      );
      await system.sql.query('delete from catalog.products where category = $1', [category]);
    },
  },
];
