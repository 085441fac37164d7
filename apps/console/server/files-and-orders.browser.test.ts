/// <reference lib="dom" />
/** Imports, orders and sales in a real browser in front of the whole stack. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { appOfFile } from './testing/app-of-file.ts';
import { accessibilityProblems } from './testing/running-app.ts';

const app = await appOfFile();

test('a file is mapped, checked, corrected and imported, and its header is remembered', async () => {
  const { id, sku } = await app.newProduct();
  const created = `TEST-${randomUUID().slice(0, 8)}`;
  const file = {
    name: 'new prices of the spring collection.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(
      `Article number;Title;brand;category;priceMinor;currency;Note\n${sku};Test product;Test brand;test;1234;EUR;a\n` +
        `${created};New one;B;test;500;EUR;b\n${sku}-wrong;W;B;test;-5;EUR;c\n`,
    ),
  };
  const page = await app.open('editor', { path: '/import' });
  const check = page.getByRole('button', { name: 'Check without changing anything' });
  await page.getByLabel(/Drop a file here/).setInputFiles(file);
  await page.getByText('Choose what "Note" holds.').waitFor();
  expect(await check.isDisabled()).toBe(true);
  await page.getByLabel('The column Note holds').selectOption({ label: 'nothing: leave it out' });
  await check.click();
  await page.getByText('Nothing has changed: 1 of 3 records cannot be imported.').waitFor();
  const wrong = page.getByRole('region', { name: 'What is wrong' });
  await wrong.getByText(`${sku}-wrong;W;B;test;-5;EUR;c`).waitFor();
  expect(await wrong.getByRole('row').textContent()).toContain('line 4');
  const saved = page.waitForEvent('download');
  await wrong.getByRole('button', { name: 'Save these rows with their reasons' }).click();
  expect(await readFile(await (await saved).path(), 'utf8')).toMatch(
    /"Note","reasons"\r\n.*"=""-5""","EUR","c","Price: /,
  );

  await page.getByLabel('If a record is wrong').selectOption('skip-failed');
  await check.click();
  await page.getByText('Checked. 1 record would be left out; nothing has changed yet.').waitFor();
  expect(await page.getByRole('region', { name: 'What would change' }).textContent()).toMatch(
    /Price of 1.*10\.00 EUR 12\.34 EUR/,
  );
  expect(await app.valueOf(id, 'price_minor')).toBe(1000);
  expect(await accessibilityProblems(page)).toEqual([]);
  await app.picture(page, 'import-checked');
  await page.getByRole('button', { name: 'Import: create 1, change 1' }).click();
  await page.getByText('Imported, without 1 record.').waitFor();
  // The new product is two keys: by its id, and by its SKU.
  await page
    .getByText(/^3 changes became 3 invalidations, the last [\d.]+ m?s after the commit\.$/)
    .waitFor();
  expect(await app.valueOf(id, 'price_minor')).toBe(1234);

  const log = await app.open('viewer', { path: '/audit-log?kind=product' });
  await log
    .getByRole('row', {
      name: /editor imported the file new prices.*\.csv 1 created, 1 changed, 1 failed.*done/,
    })
    .waitFor();
  await log
    .getByRole('row', { name: /checked the file new prices.*\.csv would create 1 and change 1/ })
    .waitFor();
  const rejected = log.getByRole('row', { name: /1 of 3 records failed, so nothing changed.*not accepted/ });
  await rejected.waitFor();
  // It takes two lines at most, and nothing is beyond the right end of the table.
  expect((await rejected.boundingBox())?.height).toBeLessThan(60);
  expect(await log.locator('.scroll').evaluate((one) => one.scrollWidth <= one.clientWidth)).toBe(true);

  await page.reload();
  await page.getByLabel(/Drop a file here/).setInputFiles(file);
  await expect.poll(() => check.isEnabled()).toBe(true);
});

test('failed rows are corrected in their file and imported as it is', async () => {
  const sku = `TEST-${randomUUID().slice(0, 8)}`;
  const page = await app.open('editor', { path: '/import' });
  const upload = (name: string, text: string) =>
    page
      .getByLabel(/Drop a file here/)
      .setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
  const check = page.getByRole('button', { name: 'Check without changing anything' });
  const save = async () => {
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save these rows with their reasons' }).click();
    const file = await saved;
    return { name: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
  };
  await upload('new.csv', `Article;name;brand;category;priceMinor;currency\n${sku};"A; b";B;test;x;EUR\n`);
  await page.getByLabel('The column Article holds').selectOption({ label: 'SKU' });
  await check.click();
  await page.getByText('Nothing has changed: 1 of 1 record cannot be imported.').waitFor();
  const failed = await save();
  expect(failed.name).toBe('new-failed.csv');
  // It is mapped as the file it comes from. One mistake is left.
  await upload(failed.name, failed.text.replace('"x","EUR"', '"20","EURO"'));
  // So that nobody takes 20 cents for 20 euros.
  await page.getByText('20 = 0.20').waitFor();
  await check.click();
  await page.getByText('Nothing has changed: 1 of 1 record cannot be imported.').waitFor();
  const again = await save();
  expect(again.name).toBe('new-failed.csv');
  expect(again.text).toMatch(
    /^"Article",.*,"currency","reasons"\r\n.*,"A; b","B","test","20","EURO","Currency: [^"]*"\r\n$/,
  );
  await upload(again.name, again.text.replace('"20","EURO"', '"2000","EUR"'));
  await check.click();
  await page.getByRole('button', { name: 'Import: create 1, change 0' }).click();
  await page.getByText('Imported. Every cache hears of each changed product.').waitFor();
});

test('the template is a file that can be dropped on the page, and checked as it is', async () => {
  const page = await app.open('editor', { path: '/import' });
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Template' }).click();
  const text = await readFile(await (await saved).path(), 'utf8');
  const dropped = await page.evaluateHandle((content) => {
    const data = new DataTransfer();
    data.items.add(new File([content], 'dropped.csv', { type: 'text/csv' }));
    return data;
  }, text);
  await page.locator('.drop').dispatchEvent('drop', { dataTransfer: dropped });
  await page.getByRole('heading', { name: 'dropped.csv' }).waitFor();
  await page.getByRole('button', { name: 'Check without changing anything' }).click();
  await page.getByText('Checked. Nothing has changed yet.').waitFor();
  expect(await page.getByRole('button', { name: 'Import: create 1, change 0' }).isEnabled()).toBe(true);
});

test('an import shows how fast it is and what is left, and can be cancelled', async () => {
  const skus = [await app.newProduct(), await app.newProduct(), await app.newProduct()].map(({ sku }) => sku);
  const page = await app.open('editor', { path: '/import' });
  const buffer = Buffer.from(`sku,name\n${skus.map((sku) => `${sku},Another name\n`).join('')}`);
  await page.getByLabel(/Drop a file here/).setInputFiles({ name: 'a.csv', mimeType: 'text/csv', buffer });
  await page.getByRole('button', { name: 'Check without changing anything' }).click();
  const confirm = page.getByRole('button', { name: 'Import: create 0, change 3' });
  await confirm.waitFor();
  // The upload is held back, and its progress is that of a large file.
  let state = 'running';
  await page.route('**/api/imports?*', () => undefined);
  await page.route(/\/api\/imports\/[0-9a-f-]+$/, (route) =>
    route.fulfill({
      json: {
        state,
        received: 2,
        created: 0,
        updated: 0,
        unchanged: 0,
        skipped: 0,
        failed: 0,
        errors: [],
        changes: null,
      },
    }),
  );
  await confirm.click();
  const progress = page.getByRole('region', { name: 'Progress' });
  await progress.getByText(/^2 of 3 records read, \d+ a second, about \d+ s until all are read/).waitFor();
  state = 'failed';
  await progress.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Nothing has changed: the import was cut off.').waitFor();
  expect(await progress.count()).toBe(0);
});

/** Receives stock of two new products and orders them, as a service does. */
async function placeOrder(): Promise<{ id: string; sku: string }> {
  const products = [
    await app.newProduct({ priceMinor: 250 }),
    await app.newProduct({ name: 'Heavy product', priceMinor: 1_000 }),
  ];
  const longSku = `${products[1]?.sku}-${'OF-A-LONG-SERIES-'.repeat(2)}17`;
  await app.sql.query('update catalog.products set weight_grams = 1500, sku = $2 where id = $1', [
    products[1]?.id,
    longSku,
  ]);
  const token = await app.stack.token('orders', 'orders:write');
  const send = (path: string, body: unknown) =>
    fetch(`${app.stack.url('orders')}/v1${path}`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': randomUUID(),
      },
      body: JSON.stringify(body),
    });
  // As long as many of the catalog are.
  const usualSku = `${products[0]?.sku}-IN-A-SERIES-1`;
  await app.sql.query('update catalog.products set sku = $2 where id = $1', [products[0]?.id, usualSku]);
  const skus = [usualSku, longSku];
  for (const sku of skus) {
    const received = await send(`/stock/${sku}/adjustments`, { delta: 10, reason: 'delivery' });
    expect(received.status).toBe(200);
  }
  const placed = await send('/orders', {
    customerId: 'customer-7',
    lines: skus.map((sku, index) => ({ sku, quantity: index + 1 })),
  });
  expect([placed.status, await placed.clone().text()]).toEqual([201, expect.anything()]);
  const { id } = (await placed.json()) as { id: string };
  return { id, sku: skus[0] ?? '' };
}

test('an order shows its items, sums and weight, is completed, and counts in the sales of this month', async () => {
  const { id } = await placeOrder();
  const page = await app.open('editor', { path: '/orders?customerId=customer-7' });
  await page
    .getByRole('row', { name: /customer-7/ })
    .first()
    .getByRole('link')
    .click();
  const items = page.getByRole('region', { name: 'Items' });
  await items.getByRole('row', { name: /Heavy product/ }).waitFor();
  const skus = items.getByRole('rowheader').filter({ hasText: /^TEST-/ });
  expect(await skus.evaluateAll((cells) => cells.every((one) => one.scrollWidth <= one.clientWidth))).toBe(
    true,
  );
  const first = await items.getByRole('row').nth(1).boundingBox();
  expect(first?.height).toBeLessThan(40);
  expect(await items.getByRole('row', { name: /Heavy product/ }).textContent()).toMatch(
    /210\.00 EUR20\.00 EUR3 kg$/,
  );
  expect(await items.getByRole('row', { name: /^Total/ }).textContent()).toBe('Total22.50 EURat least 3 kg');
  await page.getByRole('button', { name: 'Complete' }).click();
  await page.getByText('Completed', { exact: true }).waitFor();
  expect(page.url()).toContain(id);
  await page.getByText('completed now').waitFor();
  expect(await page.getByRole('button', { name: 'Complete' }).count()).toBe(0);
  await page.getByRole('link', { name: 'Orders' }).click();
  const sales = page.getByRole('region', { name: 'Sales' });
  await sales.getByRole('row', { name: /22\.50 EUR/ }).waitFor();
  expect(await accessibilityProblems(page)).toEqual([]);
});

test('a cancelled order gives its pieces back', async () => {
  const { id, sku } = await placeOrder();
  const page = await app.open('editor', { path: `/orders/${id}` });
  await page.getByRole('button', { name: 'Cancel the order…' }).click();
  await page.getByRole('button', { name: 'Cancel the order', exact: true }).click();
  await page.getByText('Cancelled: its pieces are back in stock').waitFor();
  const { rows } = await app.sql.query<{ on_hand: number }>(
    'select on_hand from catalog.stock s join catalog.products p on p.id = s.product_id where p.sku = $1',
    [sku],
  );
  expect(rows[0]?.on_hand).toBe(10);
});

test('an order that somebody else ends, and the stock that it gives back, are shown without a reload', async () => {
  const { id, sku } = await placeOrder();
  const order = await app.open('ann', { path: `/orders/${id}` });
  await order.getByRole('button', { name: 'Complete' }).waitFor();
  const { rows } = await app.sql.query<{ id: string }>('select id from catalog.products where sku = $1', [
    sku,
  ]);
  const product = await app.open('viewer', { path: `/products/${rows[0]?.id}` });
  await product.getByRole('region', { name: 'Stock' }).getByText('9 on hand').waitFor();
  const page = await app.open('editor', { path: `/orders/${id}` });
  await page.getByRole('button', { name: 'Cancel the order…' }).click();
  await page.getByRole('button', { name: 'Cancel the order', exact: true }).click();
  await order.getByText('cancelled', { exact: true }).waitFor();
  expect(await order.getByRole('button', { name: 'Complete' }).count()).toBe(0);
  await product.getByRole('region', { name: 'Stock' }).getByText('10 on hand').waitFor();
});

test('the sales of each month are those that SQL counts, also of a month without any', async () => {
  const months = [2, 4].map(
    (ago) => new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() - ago, 1)),
  );
  const complete = (at: Date, currency: string) =>
    app.sql.query(
      `insert into catalog.orders (customer_id, status, currency, total_minor, placed_by, created_at, completed_at)
       values ('customer-8', 'completed', $2, 123456, 'test', $1, $1)`,
      [at.toISOString(), currency],
    );
  for (const at of months) await complete(at, 'CHF');
  // With two currencies, a person chooses one.
  await complete(new Date(), 'JPY');
  const page = await app.open('viewer', { path: '/orders' });
  const sales = page.getByRole('region', { name: 'Sales' });
  const chf = sales.getByRole('button', { name: 'CHF' });
  // An answer may be of a moment before.
  await chf.waitFor();
  await chf.click();
  const rows = sales.getByRole('row');
  // The header, two months with sales, the one between them, and the two after them.
  await expect.poll(() => rows.count()).toBe(6);
  const texts = await rows.allTextContents();
  expect(texts.slice(1).map((text) => /\d{4}(.*)$/.exec(text)?.[1])).toEqual([
    '00.00 CHF',
    '00.00 CHF',
    '11,234.56 CHF',
    '00.00 CHF',
    '11,234.56 CHF',
  ]);
  const hovered = await sales.locator('svg title').allTextContents();
  expect(hovered.slice(-5).map((text) => text.replace(/^.*: /, ''))).toEqual([
    '1,234.56 CHF, 1 order',
    'no sales',
    '1,234.56 CHF, 1 order',
    'no sales',
    'no sales',
  ]);
});

test('a viewer sees orders and changes none', async () => {
  const { id } = await placeOrder();
  const page = await app.open('viewer', { path: `/orders/${id}` });
  await page.getByRole('row', { name: /Heavy product/ }).waitFor();
  for (const name of ['Complete', 'Cancel the order…'])
    expect(await page.getByRole('button', { name }).count()).toBe(0);
});

describe.each(['light', 'dark'] as const)('%s', (scheme) => {
  test.each([390, 1280, 1920])(
    'at a width of %i pixels axe finds nothing and nothing is cut off',
    async (width) => {
      const { id } = await placeOrder();
      const page = await app.open('admin', { scheme, width });
      for (const [name, path] of [
        ['import', '/import'],
        ['orders', '/orders'],
        ['order', `/orders/${id}`],
        ['audit-log', '/audit-log'],
        ['break-it', '/break-it'],
        ['keys', '/keys'],
        ['job-keys', '/keys?job=refresh%2F0'],
      ] as const) {
        await page.goto(app.url + path);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.waitForTimeout(700);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        expect(await accessibilityProblems(page)).toEqual([]);
        await app.picture(page, `${name}-${width}-${scheme}`);
      }
    },
  );
});
