/** `npm run screenshots`: takes the pictures of the README, from a stack of its own under a little load. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { runningApp, type RunningApp } from './running-app.ts';

const pictures = join(import.meta.dirname, '../../../../docs/screenshots');
/** Long enough for plots with a shape. */
const load_ms = 60_000;
const reads_perSecond = 40;
const changes_perSecond = 2;

mkdirSync(pictures, { recursive: true });
await using app = await runningApp();
const { rows: products } = await app.sql.query<{ id: string }>(
  "select id from catalog.products where status = 'active' order by id limit 200",
);

const overview = await app.open('admin');
const load = runLoad(
  app,
  products.map(({ id }) => id),
);
await overview.waitForTimeout(load_ms);
await take(overview, 'overview');

const { rows } = await app.sql.query<{ id: string }>(
  "select id from catalog.products where sku like 'NODON-SIN-4%' order by sku limit 1",
);
const product = await app.open('admin', { path: `/products/${rows[0]?.id ?? products[0]?.id}` });
await product.getByLabel('Price', { exact: true }).fill('29.99');
await product.getByRole('button', { name: 'Save' }).click();
const followed = product.getByRole('region', { name: 'Follow the change' });
await followed.getByText('complete').waitFor();
await followed.getByText(/All agree/).waitFor();
// The message about the save covers a part of the page for five seconds.
await product.getByText('Saved', { exact: true }).waitFor({ state: 'detached' });
await take(product, 'followed-change');
await load.stop();

async function take(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(pictures, `${name}.png`) });
  console.log(`wrote docs/screenshots/${name}.png`);
}

/** Reads and changes of other services, so that the overview shows a system at work. */
function runLoad({ stack, sql }: RunningApp, ids: readonly string[]): { stop(): Promise<void> } {
  const any = (): string => ids[Math.floor(Math.random() ** 3 * ids.length)] ?? '';
  const calls = new Set<Promise<unknown>>();
  const call = (made: Promise<unknown>): void => {
    const settled = made.catch(() => undefined).finally(() => calls.delete(settled));
    calls.add(settled);
  };
  const timers = [
    setInterval(
      () => call(fetch(`${stack.url('catalog-read')}/v1/products/${any()}`).then((answer) => answer.text())),
      1_000 / reads_perSecond,
    ),
    setInterval(
      () =>
        call(sql.query('update catalog.products set price_minor = price_minor + 1 where id = $1', [any()])),
      1_000 / changes_perSecond,
    ),
  ];
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(calls);
    },
  };
}
