/// <reference lib="dom" />
/** What operators see, in real browsers in front of the whole stack: the overview, live changes, any key, and jobs. */
import { REFRESH_QUEUE } from '@catalog/change-feed';
import { Queue } from 'bullmq';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { appOfFile } from './testing/app-of-file.ts';
import { accessibilityProblems } from './testing/running-app.ts';

const app = await appOfFile();

const setPrice = (id: string, priceMinor: number) =>
  app.sql.query('update catalog.products set price_minor = $2 where id = $1', [id, priceMinor]);

/** Changes a row so that no trigger fires, and so no cache hears of it. */
async function setPriceUnheard(id: string, priceMinor: number): Promise<void> {
  const client = await app.sql.connect();
  try {
    await client.query('begin');
    await client.query('set local session_replication_role = replica');
    await client.query('update catalog.products set price_minor = $2 where id = $1', [id, priceMinor]);
    await client.query('commit');
  } finally {
    client.release();
  }
}

const region = (page: Page, name: string) => page.getByRole('region', { name });

test('the overview shows each part of the path of a change, each near cache, and changes as they happen', async () => {
  const { id, sku } = await app.newProduct();
  const page = await app.open('viewer');
  const path = region(page, 'The path of a change');
  for (const name of ['write', 'Postgres', 'outbox', 'relay', 'queue', 'worker', 'Redis', 'readers'])
    await path.getByText(name, { exact: true }).waitFor();
  const nearCaches = path.getByRole('list', { name: 'Near caches' }).getByRole('listitem');
  await expect.poll(() => nearCaches.count()).toBe(2);
  expect(await path.getByText(/^\d+(?:\.\d)? ms$/).count()).toBe(2);
  const latest = region(page, 'Live changes');
  // What was applied before the page was opened.
  await latest
    .getByRole('row', { name: new RegExp(sku) })
    .getByText('created: Test product')
    .waitFor();
  await setPrice(id, 2999);
  const row = latest.getByRole('row', { name: new RegExp(`${sku} price`) });
  await row.waitFor();
  expect(await row.textContent()).toMatch(/price 10\.00 EUR 29\.99 EUR.*SQL.*\d m?s/);
  expect(await accessibilityProblems(page)).toEqual([]);
});

test('live changes name who changed what, are filtered by person, and lead to the key and the job', async () => {
  const [one, other] = [await app.newProduct(), await app.newProduct()];
  const page = await app.open('viewer', { path: '/changes' });
  await page.getByText('live', { exact: true }).waitFor();
  const ann = await app.open('ann', { path: `/products/${one.id}` });
  await ann.getByLabel('Brand').fill('Brand of ann');
  await ann.getByRole('button', { name: 'Save' }).click();
  await setPrice(other.id, 500);
  const row = (sku: string, field: string) => page.getByRole('row', { name: new RegExp(`${sku} ${field}`) });
  await row(one.sku, 'brand').waitFor();
  expect(await row(one.sku, 'brand').textContent()).toMatch(/brand Test brand Brand of ann.*ann/);
  await row(other.sku, 'price').waitFor();
  await page.getByLabel('Filter the changes').fill('ann');
  await row(other.sku, 'price').waitFor({ state: 'detached' });
  await row(one.sku, 'brand')
    .getByRole('link', { name: `Job of ${one.sku}` })
    .click();
  await page.waitForURL(/\/queues\/queue\/invalidation\/\d+/);
  await page.getByText(`product:${one.id}`).first().waitFor();
  await page.goBack();
  await page.waitForURL(/\/changes/);
});

test('a paused list of changes stays, and what the page has missed or held is shown once when it goes on', async () => {
  const [before, missed, held] = [await app.newProduct(), await app.newProduct(), await app.newProduct()];
  await setPrice(before.id, 1_100);
  const page = await app.open('viewer', {
    path: '/changes',
    prepare: (page) => page.route('**/api/live', (route) => route.abort()),
  });
  const rows = (sku: string) => page.getByRole('row', { name: new RegExp(`${sku} price`) });
  await rows(before.sku).waitFor();
  await page.getByText(/^not live since/).waitFor();
  await setPrice(missed.id, 1_200);
  await page.unroute('**/api/live');
  await page.getByText('live', { exact: true }).waitFor();
  await rows(missed.sku).waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await setPrice(held.id, 1_300);
  const goOn = page.getByRole('button', { name: /^Go on \([1-9]/ });
  await goOn.waitFor();
  expect(await rows(held.sku).count()).toBe(0);
  await goOn.click();
  for (const { sku } of [before, missed, held]) {
    await rows(sku).first().waitFor();
    expect(await rows(sku).count()).toBe(1);
  }
});

test('all tabs of a browser share one live stream, and another takes it over when its tab is closed', async () => {
  const first = await app.open('viewer', { path: '/changes' });
  // A browser opens six connections to a server. A stream in each tab would leave none for answers.
  const streams = new Set<string>();
  const tabs: Page[] = [];
  for (let n = 0; n < 7; n++) {
    const tab = await first.context().newPage();
    tab.on('request', (request) => {
      if (request.url().endsWith('/api/live')) streams.add(request.url() + n);
    });
    await tab.goto(`${app.url}/changes`);
    tabs.push(tab);
  }
  const seenIn = async (tab: Page, sku: string): Promise<void> =>
    tab
      .getByRole('row', { name: new RegExp(sku) })
      .first()
      .waitFor();
  const one = await app.newProduct();
  // A tab shows what changes from then on.
  for (const tab of [first, ...tabs]) await tab.getByText('live', { exact: true }).waitFor();
  await setPrice(one.id, 2000);
  for (const tab of [first, ...tabs]) await seenIn(tab, one.sku);
  expect(streams.size).toBe(0);
  await first.close();
  await expect.poll(() => streams.size).toBe(1);
  const other = await app.newProduct();
  await expect
    .poll(async () => {
      await setPrice(other.id, 3000 + Math.round(Math.random() * 1000));
      return tabs[6]?.getByRole('row', { name: new RegExp(other.sku) }).count();
    })
    .toBeGreaterThan(0);
  for (const tab of tabs) await seenIn(tab, other.sku);
});

test('each page names itself in its tab, also after a step to another page', async () => {
  const { id } = await app.newProduct({ name: 'A titled product' });
  const page = await app.open('viewer', { path: `/products/${id}` });
  await expect.poll(() => page.title()).toBe('A titled product · Catalog console');
  for (const name of [
    'Overview',
    'Products',
    'Changes',
    'Orders',
    'Import',
    'Audit log',
    'People',
    'Settings',
  ]) {
    await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
    await expect.poll(() => page.title()).toBe(`${name} · Catalog console`);
  }
});

test('a job that is gone is answered with a page that says so', async () => {
  const page = await app.open('viewer', { path: '/changes' });
  await page.goto(`${app.url}/api/changes/999999999999/job`);
  expect(await page.getByRole('main').textContent()).toMatch(/404.*This job is no longer kept/s);
});

test('a wrong entry is seen, audited, named with what was wrong, and repaired', async () => {
  const { id } = await app.newProduct();
  const key = `product:${id}`;
  const page = await app.open('admin', { path: `/products/${id}` });
  await page.getByLabel('Name', { exact: true }).waitFor();
  await setPriceUnheard(id, 1);
  await page.goto(`${app.url}/keys?key=${key}`);
  const held = region(page, 'Where it is held');
  await held.getByText('✕ differs').first().waitFor();
  await region(page, 'Audits')
    .getByText(/The auditor has found nothing wrong with this key/)
    .waitFor();
  await page.getByRole('button', { name: 'Audit now' }).click();
  const wrong = region(page, 'Audits').getByRole('row', { name: /other content/ });
  await wrong.waitFor();
  expect(await wrong.textContent()).toMatch(/other content in price.*repaired/);
  await held.getByText('All agree.').waitFor();
  expect(await accessibilityProblems(page)).toEqual([]);
  await app.picture(page, 'key-was-wrong');
  // The list of all keys, and the sentence on the overview, name it too.
  await page.goto(`${app.url}/keys`);
  await region(page, 'Wrong entries').getByRole('link', { name: key }).waitFor();
  await page.goto(app.url);
  // An id is shortened to its ends there.
  await page
    .getByText(new RegExp(`The audit found .*product:${id.slice(0, 4)}.*${id.slice(-4)}: other content`))
    .waitFor();
  await page.getByRole('link', { name: 'Why?' }).click();
  await page.waitForURL((url) => url.searchParams.get('key') === key);
});

test.each(['sku', 'profile'] as const)('a key of another kind is shown too: %s', async (kind) => {
  const { sku } = await app.newProduct();
  const page = await app.open('viewer');
  const { rows } = await app.sql.query<{ id: string }>(
    "select id from catalog.console_users where username = 'viewer'",
  );
  const key = kind === 'sku' ? `sku:${sku}` : `user:${rows[0]?.id}:profile`;
  await page.goto(`${app.url}/keys?key=${encodeURIComponent(key)}`);
  const held = region(page, 'Where it is held');
  await held.getByRole('row', { name: /^Redis/ }).waitFor();
  await held.getByText('All agree.').waitFor();
  expect(await held.getByRole('row', { name: /^near cache/ }).count()).toBe(kind === 'sku' ? 2 : 0);
  expect(await accessibilityProblems(page)).toEqual([]);
});

test('the page of a key shows the history of its product', async () => {
  const { id } = await app.newProduct();
  await setPrice(id, 500);
  const page = await app.open('viewer', { path: `/keys?key=product:${id}` });
  await region(page, 'History').getByText('10.00 EUR').waitFor();
  expect(await page.getByRole('button', { name: /Restore|Audit|Purge/ }).count()).toBe(0);
});

test('a text that is no key is named once, with the forms of a key, and cannot be purged', async () => {
  const page = await app.open('admin', { path: '/keys?key=nonsense' });
  await page.getByText('No cache holds such a key.').waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);
  expect(await page.getByRole('button', { name: /Purge|Audit/ }).count()).toBe(0);
});

test('failed jobs are retried all at once, and the page says how they ended', async () => {
  const connection = { url: await app.stack.redisUrl('state') };
  const queue = new Queue<unknown>(REFRESH_QUEUE, { connection });
  onTestFinished(() => queue.close());
  const jobs = await Promise.all([1, 2, 3].map((wrong) => queue.add('refresh', { wrong })));
  await expect.poll(() => queue.getFailedCount()).toBe(3);
  const page = await app.open('admin');
  await page.getByText(/3 jobs of the queue refresh failed/).waitFor();
  await page.getByRole('button', { name: 'Retry all' }).click();
  await page.getByRole('button', { name: 'Retrying…' }).waitFor();
  await page.getByText('Retried: 3 of 3 jobs failed again').waitFor();
  await page.getByRole('button', { name: 'Show them' }).click();
  await page.waitForURL(/\/queues\/queue\/refresh\?status=failed/);
  const { id } = await app.newProduct();
  for (const job of jobs) await job.updateData({ keys: [{ entity: 'product', key: id, seqs: [1] }] });
  await page.goto(app.url);
  await page.getByRole('button', { name: 'Retry all' }).click();
  await page.getByText('Retried: 3 jobs of refresh succeeded').waitFor();
  // Not "all is well": the wrong entry of another test may still be named.
  await page.getByText(/jobs of the queue refresh failed/).waitFor({ state: 'hidden' });
  await page.goto(`${app.url}/audit-log?kind=queue`);
  await page
    .getByRole('row', { name: /admin.*retried/ })
    .first()
    .waitFor();
});
