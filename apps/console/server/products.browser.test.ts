/** What people do with products, in real browsers in front of the whole stack. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { appOfFile } from './testing/app-of-file.ts';
import { accessibilityProblems } from './testing/running-app.ts';

const app = await appOfFile();

const bySql = (id: string, name: string) =>
  app.sql.query('update catalog.products set name = $2 where id = $1', [id, name]);

test('an edit is saved, named in the history, and followed into every reader', async () => {
  const { id } = await app.newProduct();
  const page = await app.open('editor', { path: `/products/${id}` });
  await page.getByLabel('Price', { exact: true }).fill('29.99');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
  expect(await app.valueOf(id, 'price_minor')).toBe(2999);
  const followed = page.getByRole('region', { name: 'Follow the change' });
  await followed.getByText('complete').waitFor();
  for (const step of ['commit', 'claimed', 'queued', 'applied', 'reader 1', 'reader 2'])
    expect(await followed.getByRole('listitem').filter({ hasText: step }).textContent()).toMatch(/\d m?s/);
  await followed.getByText(/All agree/).waitFor();
  expect(await followed.getByRole('row', { name: /near cache/ }).count()).toBe(2);
  const history = page.getByRole('region', { name: 'History' });
  await history.getByText('editor changed').waitFor();
  expect(await history.getByRole('listitem').first().textContent()).toContain('10.00 EUR');
  expect(await accessibilityProblems(page)).toEqual([]);
  await app.picture(page, 'product-followed');
});

test('the mark of a field in which somebody types moves nothing', async () => {
  const { id } = await app.newProduct();
  for (const width of [390, 1280]) {
    const page = await app.open('editor', { path: `/products/${id}`, width });
    for (const label of ['Weight (g)', 'Length (mm)', 'Price', 'Currency']) {
      const field = page.getByLabel(label, { exact: true });
      const before = (await field.boundingBox())?.y;
      await field.fill('1');
      expect([width, label, (await field.boundingBox())?.y]).toEqual([width, label, before]);
    }
  }
});

test('a change by SQL appears in the open form of somebody who only looks', async () => {
  const { id } = await app.newProduct();
  const page = await app.open('editor', { path: `/products/${id}` });
  await page.getByLabel('Name', { exact: true }).waitFor();
  await page.waitForTimeout(500);
  await bySql(id, 'Changed by hand');
  await expect
    .poll(() => page.getByLabel('Name', { exact: true }).inputValue(), { timeout: 30_000 })
    .toBe('Changed by hand');
});

test('a change from elsewhere is offered to a person who types, and keeps what was typed', async () => {
  const { id } = await app.newProduct();
  const page = await app.open('editor', { path: `/products/${id}` });
  await page.getByLabel('Name', { exact: true }).fill('Mine');
  await page.getByLabel('Brand').fill('My brand');
  await bySql(id, 'Theirs');
  const offer = page.getByRole('alert').filter({ hasText: 'Somebody in SQL changed name to Theirs' });
  await offer.waitFor();
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Mine');
  expect(await page.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true);
  await app.picture(page, 'product-offered');
  await offer.getByRole('button', { name: 'Keep mine' }).click();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
  expect([await app.valueOf(id, 'name'), await app.valueOf(id, 'brand')]).toEqual(['Mine', 'My brand']);
});

test('"Take theirs" replaces only the fields that they have changed', async () => {
  const { id } = await app.newProduct();
  const page = await app.open('editor', { path: `/products/${id}` });
  await page.getByLabel('Name', { exact: true }).fill('Mine');
  await page.getByLabel('Brand').fill('My brand');
  await bySql(id, 'Theirs');
  await page.getByRole('button', { name: 'Take theirs' }).click();
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Theirs');
  expect(await page.getByLabel('Brand').inputValue()).toBe('My brand');
});

test('a save over a change that this page has not seen opens a dialog that merges field by field', async () => {
  const { id } = await app.newProduct();
  // Without live changes the page hears of nothing.
  const page = await app.open('editor', {
    path: `/products/${id}`,
    prepare: (page) => page.route('**/api/live', (route) => route.abort()),
  });
  await page.getByLabel('Name', { exact: true }).fill('Mine');
  await page.getByLabel('Price', { exact: true }).fill('5.00');
  await app.sql.query("update catalog.products set name = 'Theirs', brand = 'Their brand' where id = $1", [
    id,
  ]);
  await page.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('dialog', { name: /Not saved: somebody else has changed this product/ });
  const row = dialog.getByRole('row', { name: /^Name/ });
  expect(await row.textContent()).toMatch(/Test product.*Mine.*Theirs/);
  const merge = dialog.getByRole('button', { name: 'Save the merged product' });
  expect(await merge.isDisabled()).toBe(true);
  expect(await accessibilityProblems(page)).toEqual([]);
  await app.picture(page, 'product-conflict');
  await row.getByRole('radio').first().check();
  await merge.click();
  await page.getByText('Saved the merged product').waitFor();
  expect([
    await app.valueOf(id, 'name'),
    await app.valueOf(id, 'price_minor'),
    await app.valueOf(id, 'brand'),
  ]).toEqual(['Mine', 500, 'Their brand']);
});

test('Back shows the product as it is, never an old form', async () => {
  const { id } = await app.newProduct();
  const page = await app.open('editor', { path: `/products/${id}` });
  await page.getByLabel('Name', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Changes' }).click();
  await page.getByRole('heading', { name: 'Changes' }).waitFor();
  await bySql(id, 'Newer');
  await page.getByRole('row', { name: /name Test product Newer/ }).waitFor();
  await page.goBack();
  await expect.poll(() => page.getByLabel('Name', { exact: true }).inputValue()).toBe('Newer');
});

test('two people who edit the same product see each other', async () => {
  const { id } = await app.newProduct();
  const ann = await app.open('ann', { path: `/products/${id}` });
  await ann.getByLabel('Name', { exact: true }).fill('Ann types');
  const editor = await app.open('editor', { path: `/products/${id}` });
  await editor.getByLabel('Name', { exact: true }).fill('I type too');
  await editor.getByText(/Being edited by ann/).waitFor();
  expect(await ann.getByText(/Being edited by/).count()).toBe(0);
});

test('an older version can be restored from the history', async () => {
  const { id } = await app.newProduct({ name: 'The first name' });
  await bySql(id, 'The second name');
  const page = await app.open('editor', {
    path: `/products/${id}`,
    // As long as versions are after Postgres was started again.
    prepare: (page) =>
      page.route('**/history?*', async (route) => {
        const response = await route.fetch();
        const text = (await response.text())
          .replaceAll(/"version":(\d+)/g, '"version":90071992547$1')
          .replaceAll(/"changedAt":"[^"]*"/g, '"changedAt":"2026-09-09T00:00:00.000Z"');
        await route.fulfill({ response, body: text });
      }),
  });
  const [button, name] = await Promise.all([
    page.getByRole('button', { name: 'Restore' }).boundingBox(),
    page.getByRole('region', { name: 'History' }).locator('strong').last().boundingBox(),
  ]);
  expect(Math.abs((button?.y ?? 0) - (name?.y ?? 0))).toBeLessThan(12);
  await page.unrouteAll({ behavior: 'wait' });
  await page.getByRole('button', { name: 'Restore' }).click();
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('The first name');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
  expect(await app.valueOf(id, 'name')).toBe('The first name');
});

test('a product is created, and deleted after the time to undo', async () => {
  const sku = `NEW-${randomUUID().slice(0, 8)}`;
  const page = await app.open('editor', { path: '/products/new' });
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('must not be empty').first().waitFor();
  await page.locator('[aria-invalid=true]:focus').waitFor();
  for (const [label, value] of [
    ['Name', 'A new product'],
    ['SKU', sku],
    ['Brand', 'New'],
    ['Category', 'test'],
    ['Price', '1.50'],
  ] as const)
    await page.getByLabel(label, { exact: true }).fill(value);
  await page.keyboard.press('Control+s');
  await page.getByRole('heading', { name: 'A new product' }).waitFor();
  const exists = async (): Promise<boolean> =>
    (await app.sql.query('select from catalog.products where sku = $1', [sku])).rowCount === 1;
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('heading', { name: 'A new product' }).waitFor();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByText(`Deleted ${sku}`).waitFor();
  expect(await exists()).toBe(false);
});

test('a product that somebody changes within the time to undo is not deleted', async () => {
  const { id, sku } = await app.newProduct();
  const page = await app.open('editor', { path: `/products/${id}` });
  const remove = page.getByRole('button', { name: 'Delete' });
  await page.getByLabel('Name', { exact: true }).fill('Typed');
  expect(await remove.isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Discard' }).click();
  await remove.click();
  await page.getByText(`${sku} will be deleted in 10 seconds`).waitFor();
  await bySql(id, 'Changed meanwhile');
  await page.getByText(`Not deleted: ${sku}`).waitFor();
  expect(await app.valueOf(id, 'name')).toBe('Changed meanwhile');
});

test('the page of a product shows how often it was read', async () => {
  const { id } = await app.newProduct();
  await app.sql.query('insert into catalog.product_views (product_id, views) values ($1, 1412)', [id]);
  const page = await app.open('viewer', { path: `/products/${id}` });
  // This look counts too, once the worker has added it.
  await expect.poll(() => page.getByText(/1,41[23] views/).count()).toBe(1);
});

test('stock is received, corrected and shown', async () => {
  const { id } = await app.newProduct();
  const page = await app.open('editor', { path: `/products/${id}` });
  await page.getByRole('button', { name: 'Receive or correct…' }).click();
  await page.getByLabel('Pieces').fill('12');
  await page.getByText('0 on hand, 12 afterwards').waitFor();
  await page.getByLabel('Why').fill('delivery 7');
  await page.getByLabel('Why').press('Enter');
  await page.getByRole('heading', { name: '12 on hand now' }).waitFor();
  const stock = page.getByRole('region', { name: 'Stock' });
  await expect.poll(() => stock.textContent()).toContain('12 on hand');
  await page.getByRole('button', { name: 'Receive or correct…' }).click();
  await page.getByLabel('Pieces').fill('-2');
  await page.getByText('12 on hand, 10 afterwards').waitFor();
  await page.getByLabel('Why').fill('broken');
  await page.getByRole('button', { name: 'Book' }).click();
  await expect.poll(() => stock.textContent()).toContain('10 on hand');
});

test('the palette and a dialog give the focus back when they are closed', async () => {
  const { id } = await app.newProduct();
  const page = await app.open('editor', { path: `/products/${id}` });
  const price = page.getByLabel('Price', { exact: true });
  await price.focus();
  await page.keyboard.press('Control+k');
  await page.locator('input[role=combobox]:focus').waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => price.and(page.locator(':focus')).count()).toBe(1);
  const receive = page.getByRole('button', { name: 'Receive or correct…' });
  await receive.press('Enter');
  await page.getByLabel('Pieces').and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => receive.and(page.locator(':focus')).count()).toBe(1);
});

test('a viewer can look at a product and act nowhere', async () => {
  const { id } = await app.newProduct();
  const page = await app.open('viewer', { path: `/products/${id}` });
  expect(await page.getByLabel('Name', { exact: true }).isDisabled()).toBe(true);
  for (const name of ['Save', 'Delete', 'Discard', 'Restore', 'Receive or correct…'])
    expect(await page.getByRole('button', { name }).count()).toBe(0);
  await page.goto(`${app.url}/products`);
  await page.getByRole('row').nth(2).waitFor();
  expect(await page.getByRole('checkbox').count()).toBe(0);
  expect(await page.getByRole('link', { name: 'New product' }).count()).toBe(0);
  await page.goto(`${app.url}/import`);
  await page.getByText('An editor or an admin can import files.').waitFor();
  expect(await page.getByLabel(/Drop a file here/).count()).toBe(0);
  await page.goto(`${app.url}/keys?key=product:${id}`);
  await page.getByText(/All agree|Not all agree/).waitFor();
  expect(await page.getByRole('button', { name: /Purge|Audit/ }).count()).toBe(0);
});

test('the audit log names an edit, what was sent and how it ended, and leads to the product', async () => {
  const { id, sku } = await app.newProduct();
  const page = await app.open('ann', { path: `/products/${id}` });
  await page.getByLabel('Name', { exact: true }).fill('A name of ann');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Audit log' }).click();
  const row = page.getByRole('row', { name: new RegExp(sku) });
  expect(await row.textContent()).toMatch(/ann.*changed the product.*name: A name of ann.*done/);
  await page.getByLabel('Kind').selectOption('cache');
  await page.getByText('Nobody did such a thing.').waitFor();
  await page.getByLabel('Kind').selectOption('product');
  await page.getByLabel('Person').fill('ann');
  await row.getByRole('link', { name: sku }).click();
  await page.getByRole('heading', { name: 'A name of ann' }).waitFor();
});

test('malicious text in a product is shown and does nothing', async () => {
  const evil = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  const { id } = await app.newProduct({ name: evil });
  const page = await app.open('editor', { path: `/products/${id}` });
  await page.getByRole('heading', { name: evil }).waitFor();
  await page.goto(`${app.url}/products?q=onerror`);
  await page.getByRole('link', { name: evil }).waitFor();
  await bySql(id, `${evil} again`);
  await page.goto(`${app.url}/products/${id}`);
  await page.getByText(`${evil} again`).first().waitFor();
  expect(await page.locator('img[src="x"]').count()).toBe(0);
});

describe.each(['light', 'dark'] as const)('%s', (scheme) => {
  test.each([390, 1280, 1920])(
    'at a width of %i pixels axe finds nothing and nothing is cut off',
    async (width) => {
      const { id } = await app.newProduct();
      const page = await app.open('admin', { scheme, width });
      for (const [name, path] of [
        ['overview', '/'],
        ['products', '/products'],
        ['product', `/products/${id}`],
        ['new-product', '/products/new'],
        ['changes', '/changes'],
        ['key', `/keys?key=product:${id}`],
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
