/** What people do with the table of products, in real browsers in front of the whole stack. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { appOfFile } from './testing/app-of-file.ts';
import { accessibilityProblems } from './testing/running-app.ts';

const app = await appOfFile();

test('many products are changed at once after a preview, and changed back', async () => {
  const brand = `Bulk ${randomUUID().slice(0, 8)}`;
  const made = [await app.newProduct(), await app.newProduct()];
  await app.sql.query('update catalog.products set brand = $1 where id = any($2)', [
    brand,
    made.map(({ id }) => id),
  ]);
  const page = await app.open('editor', { path: `/products?brand=${encodeURIComponent(brand)}` });
  await page.getByLabel('Choose all shown products').check();
  await page.getByRole('button', { name: 'Edit…' }).click();
  await page.getByLabel('Percent').fill('10');
  await page.getByText('2 of 2 products change.').waitFor();
  expect(await page.getByRole('dialog').textContent()).toContain('11.00 EUR');
  await app.picture(page, 'products-bulk');
  await page.getByRole('button', { name: 'Change 2 products' }).click();
  await page.getByText('Changed 2 of 2 products').waitFor();
  expect(await app.valueOf(made[0]?.id ?? '', 'price_minor')).toBe(1100);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Undone for 2 of 2 products').waitFor();
  expect(await app.valueOf(made[0]?.id ?? '', 'price_minor')).toBe(1000);
});

test('if somebody else has changed one of many products, it is left alone, and the others can be changed back', async () => {
  const brand = `Some ${randomUUID().slice(0, 8)}`;
  const [mine, theirs] = [await app.newProduct(), await app.newProduct()];
  await app.sql.query('update catalog.products set brand = $1 where id in ($2, $3)', [
    brand,
    mine.id,
    theirs.id,
  ]);
  const page = await app.open('editor', { path: `/products?brand=${encodeURIComponent(brand)}` });
  await page.getByLabel('Choose all shown products').check();
  await page.getByRole('button', { name: 'Edit…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Edit 2 products' });
  await dialog.getByLabel('Change', { exact: true }).selectOption('price');
  await dialog.getByLabel('New price').fill('1.005');
  await dialog.getByText('must be a price such as 29.99').waitFor();
  await dialog.getByLabel('New price').fill('20');
  await app.sql.query("update catalog.products set name = 'Theirs' where id = $1", [theirs.id]);
  await dialog.getByRole('button', { name: 'Change 2 products' }).click();
  await dialog.getByText('Not changed: 1 product').waitFor();
  expect(await dialog.getByRole('alert').textContent()).toContain(theirs.sku);
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByText('Changed 1 of 2 products').waitFor();
  expect(await app.valueOf(mine.id, 'price_minor')).toBe(2000);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByText('Undone for 1 of 1 product').waitFor();
  expect(await app.valueOf(mine.id, 'price_minor')).toBe(1000);
  expect(await app.valueOf(theirs.id, 'price_minor')).toBe(1000);
});

test('chosen products are archived after a preview, by keyboard alone', async () => {
  const name = `Keys ${randomUUID().slice(0, 8)}`;
  const made = [await app.newProduct({ name }), await app.newProduct({ name })];
  const page = await app.open('editor', { path: `/products?q=${encodeURIComponent(name)}&sort=-createdAt` });
  const rows = page.getByRole('row', { name: new RegExp(name) });
  await rows.nth(1).waitFor();
  await rows.first().getByRole('link').focus();
  await page.keyboard.press('x');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.getByText('2 chosen').waitFor();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('x');
  await page.getByText('1 chosen').waitFor();
  await page.getByRole('button', { name: 'Archive…' }).focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Archive 1 product' });
  // The newest product stands first in the list. The last row, which stays chosen, is the product that was made first.
  expect(await dialog.getByRole('row').textContent()).toMatch(
    new RegExp(`${made[0]?.sku}.*Status active archived`),
  );
  await dialog.getByRole('button', { name: 'Archive 1 product' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('Archived 1 of 1 product').waitFor();
  expect(await app.valueOf(made[0]?.id ?? '', 'status')).toBe('archived');
  expect(await app.valueOf(made[1]?.id ?? '', 'status')).toBe('active');
  await rows.nth(1).waitFor({ state: 'detached' });
  await rows.first().getByRole('link').focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(new RegExp(`/products/${made[1]?.id}`));
});

test('a facet filters by several values, also by a rare one that is typed', async () => {
  const brands = ['One, with a comma', 'Two'].map((brand) => `${brand} ${randomUUID().slice(0, 8)}`);
  const made = [await app.newProduct(), await app.newProduct()];
  for (const [index, { id }] of made.entries())
    await app.sql.query('update catalog.products set brand = $1 where id = $2', [brands[index], id]);
  const page = await app.open('viewer', { path: '/products' });
  await page.getByRole('row').nth(2).waitFor();
  for (const brand of brands) {
    await page.getByRole('combobox', { name: /^Brand/ }).click();
    await page.getByPlaceholder('Find a brand').fill(brand);
    await page.getByRole('option', { name: brand }).click();
    await page.keyboard.press('Escape');
  }
  for (const { sku } of made) await page.getByRole('row', { name: new RegExp(sku) }).waitFor();
  await expect.poll(() => page.getByRole('row').count()).toBe(3);
  expect(await accessibilityProblems(page)).toEqual([]);
  await page.reload();
  await expect.poll(() => page.getByRole('row').count()).toBe(3);
  await page.getByRole('combobox', { name: /^Brand: One, with a comma/ }).waitFor();
  await page.getByRole('button', { name: 'Remove filters' }).click();
  await expect.poll(() => page.getByRole('row').count()).toBeGreaterThan(3);
});

test('the export has the products of the view', async () => {
  const { sku } = await app.newProduct();
  const page = await app.open('viewer', { path: `/products?q=${sku}` });
  await page.getByRole('row', { name: new RegExp(sku) }).waitFor();
  const saved = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export' }).click();
  const lines = (await readFile(await (await saved).path(), 'utf8')).trim().split('\n');
  expect(lines).toHaveLength(2);
  expect(lines[1]).toContain(sku);
});

test('search as you type finds a product, and the address keeps the search', async () => {
  const { sku } = await app.newProduct({ name: 'Zauberwürfel' });
  const page = await app.open('viewer', { path: '/products' });
  await page.getByLabel('Search products').fill('Zauberw');
  await page.getByRole('row', { name: new RegExp(sku) }).waitFor();
  await expect.poll(() => page.url()).toContain('q=Zauberw');
  await page.reload();
  await page.getByRole('row', { name: new RegExp(sku) }).waitFor();
});

test('a click on a header sorts, and the address keeps the order', async () => {
  const name = `Sorted ${randomUUID().slice(0, 8)}`;
  const dear = await app.newProduct({ name, priceMinor: 2_000 });
  const cheap = await app.newProduct({ name, priceMinor: 1_000 });
  const page = await app.open('viewer', { path: `/products?q=${encodeURIComponent(name)}` });
  const header = page.getByRole('columnheader', { name: /^Price/ });
  const first = () => page.getByRole('row').nth(1).textContent();
  await header.getByRole('button').click();
  await expect.poll(first).toContain(cheap.sku);
  expect(await header.getAttribute('aria-sort')).toBe('ascending');
  await header.getByRole('button').click();
  await expect.poll(first).toContain(dear.sku);
  await page.reload();
  await expect.poll(first).toContain(dear.sku);
  expect(await header.getAttribute('aria-sort')).toBe('descending');
});

test('⌘K leads to a product by its SKU, also to a draft, without the mouse', async () => {
  const { id, sku } = await app.newProduct();
  await app.sql.query("update catalog.products set status = 'draft' where id = $1", [id]);
  const page = await app.open('viewer');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.keyboard.press('Control+k');
  await page.locator('input[role=combobox]:focus').waitFor();
  await page.keyboard.type(sku);
  await page.getByRole('option', { name: new RegExp(sku) }).waitFor();
  await page.keyboard.press('Enter');
  await expect.poll(() => page.url()).toContain(`/products/${id}`);
});

test('a view is saved under a name, opened again and forgotten', async () => {
  const { sku } = await app.newProduct();
  const page = await app.open('viewer', { path: `/products?q=${sku}&sort=-price` });
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Save this view…' }).click();
  await page.getByLabel('Name', { exact: true }).fill('My one product');
  await page.getByRole('button', { name: 'Save view' }).click();
  await page.getByRole('button', { name: 'My one product' }).waitFor();
  await page.goto(new URL('/products', page.url()).href);
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'My one product' }).waitFor();
  expect(await accessibilityProblems(page)).toEqual([]);
  await page.getByRole('menuitem', { name: 'My one product' }).click();
  await page.waitForURL(
    (url) => url.searchParams.get('q') === sku && url.searchParams.get('sort') === '-price',
  );
  await page.getByRole('button', { name: 'My one product' }).click();
  await page.getByRole('menuitem', { name: 'Forget' }).click();
  await page.getByRole('button', { name: 'Views' }).waitFor();
});

test('the table shows the stock of each product, and filters by a range of prices', async () => {
  const name = `Priced ${randomUUID().slice(0, 8)}`;
  const cheap = await app.newProduct({ name, priceMinor: 999 });
  const dear = await app.newProduct({ name, priceMinor: 2999 });
  await app.sql.query('insert into catalog.stock (product_id, on_hand) values ($1, 1234)', [cheap.id]);
  const page = await app.open('viewer', { path: `/products?q=${encodeURIComponent(name)}` });
  const row = (sku: string) => page.getByRole('row', { name: new RegExp(sku) });
  await row(cheap.sku).getByTitle('1234 on hand').waitFor();
  await row(dear.sku).getByTitle('0 on hand').waitFor();
  await page.getByLabel('Price from').fill('10');
  await page.getByLabel('Price to').fill('29.99');
  await page.getByLabel('Price to').press('Enter');
  await row(cheap.sku).waitFor({ state: 'detached' });
  expect(await row(dear.sku).count()).toBe(1);
  expect(new URL(page.url()).searchParams.get('maxPrice')).toBe('2999');
  await page.getByRole('button', { name: 'Remove filters' }).click();
  await expect.poll(() => page.getByLabel('Price from').inputValue()).toBe('');
});

test('the table names who made the last change of each product', async () => {
  const name = `Changed ${randomUUID().slice(0, 8)}`;
  const byHand = await app.newProduct({ name });
  const byAnn = await app.newProduct({ name });
  const ann = await app.open('ann', { path: `/products/${byAnn.id}` });
  await ann.getByLabel('Brand').fill('Brand of ann');
  await ann.getByRole('button', { name: 'Save' }).click();
  await ann.getByText('Saved', { exact: true }).waitFor();
  const page = await app.open('viewer', { path: `/products?q=${encodeURIComponent(name)}` });
  const author = (sku: string) =>
    page
      .getByRole('row', { name: new RegExp(sku) })
      .getByTitle(/^Changed by /)
      .textContent();
  await expect.poll(() => author(byHand.sku)).toBe('SQL');
  await expect.poll(() => author(byAnn.sku)).toBe('ann');
  // A newer change by somebody else takes its place.
  await app.sql.query('update catalog.products set name = $2 where id = $1', [byAnn.id, `${name} again`]);
  await expect.poll(() => author(byAnn.sku), { timeout: 20_000 }).toBe('SQL');
});

test('a long SKU shows how it begins and ends, because those of a series differ at the end', async () => {
  const { id, sku } = await app.newProduct();
  const long = `${sku}-OF-A-LONG-SERIES-17`;
  await app.sql.query('update catalog.products set sku = $2 where id = $1', [id, long]);
  const page = await app.open('viewer', { path: `/products?q=${long}` });
  const cell = page.getByRole('cell', { name: long, exact: true });
  await cell.waitFor();
  const shown = cell.locator('.cut-middle');
  expect(await shown.evaluate((one) => getComputedStyle(one, '::after').content)).toContain('"RIES-17"');
  expect(await shown.evaluate((one) => one.scrollWidth <= one.clientWidth)).toBe(true);
  // On a wide screen it is whole, unless it is longer than that, too.
  await page.setViewportSize({ width: 1920, height: 900 });
  expect(await shown.evaluate((one) => getComputedStyle(one, '::after').content)).toBe('none');
  const longest = `${long}-AND-MORE-18`;
  await app.sql.query('update catalog.products set sku = $2 where id = $1', [id, longest]);
  await page.goto(`${app.url}/products?q=${longest}`);
  const last = page.getByRole('cell', { name: longest, exact: true }).locator('.cut-middle');
  expect(await last.evaluate((one) => getComputedStyle(one, '::after').content)).toContain('"MORE-18"');
});
