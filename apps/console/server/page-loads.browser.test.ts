/// <reference lib="dom" />
/** How soon a page shows its content, loaded again or in a new tab, and that nothing moves meanwhile. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { appOfFile } from './testing/app-of-file.ts';
import { appPages } from './shell/app-pages.ts';

const app = await appOfFile();
const { rows } = await app.sql.query<{ id: string }>('select id from catalog.products order by id limit 1');
const id = rows[0]?.id ?? '';

/** A browser with a profile, in which the admin is signed in. It keeps files and compiled scripts, as the browser of a person does. */
const profile = await mkdtemp(join(tmpdir(), 'catalog-profile-'));
const person = await chromium.launchPersistentContext(profile, {
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  viewport: { width: 1280, height: 900 },
});
await person.addCookies(await (await app.open('admin')).context().cookies());
await app.closeAll();
afterAll(async () => {
  await person.close();
  await rm(profile, { recursive: true, force: true });
});

/** The address of each page, and the content that a person waits for. */
const pages = [
  ['/', '.verdict p'],
  ['/products', 'table.products tbody tr'],
  ['/products?brand=Acova&sort=-price', 'table.products tbody tr'],
  ['/products/new', '.product-form input'],
  [`/products/${id}`, '.product-form input'],
  ['/changes', 'main .panel .empty, main .panel table'],
  ['/keys', 'section[aria-labelledby=audits] .panel-body'],
  [`/keys?key=product:${id}`, '.holders tbody tr'],
  ['/orders', 'section[aria-label=Orders]'],
  ['/import', '.drop'],
  ['/audit-log', 'section[aria-label=Actions] tbody tr'],
  ['/people', 'section[aria-label=Everybody] tbody tr'],
  ['/settings', '.product-page input'],
  ['/break-it', '.breakable li'],
] as const;

const loads = 5;
/** Generous: other tests use the machine too, and on a quiet one the times are a tenth of it. */
const most_ms = 2_000;

declare global {
  interface Window {
    contentAt_ms?: number;
    shift: number;
  }
}

/** The page says it in its console, because a look at the page from here would delay it. */
const said = /^content at (\d+) ms$/;

/** Runs before the page: notes when its content has a place on the screen, and how much moves. */
function watch(selector: string): void {
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      window.shift += (entry as PerformanceEntry & { value: number }).value;
  }).observe({ type: 'layout-shift', buffered: true });
  const look = (): void => {
    const found = document.querySelector(selector);
    if (found !== null && found.getBoundingClientRect().height > 0) {
      window.contentAt_ms = performance.now();
      console.debug(`content at ${Math.round(window.contentAt_ms)} ms`);
    } else requestAnimationFrame(look);
  };
  addEventListener('DOMContentLoaded', look);
}

async function timeUntilContent(page: Page, load: () => Promise<unknown>): Promise<number> {
  const heard = page.waitForEvent('console', { predicate: (message) => said.test(message.text()) });
  await load();
  return Number(said.exec((await heard).text())?.[1]);
}

/** Loads the page in a new tab, as a person does who comes back, and then once more. */
async function load(
  address: string,
  selector: string,
  look: (page: Page) => Promise<unknown>,
): Promise<{ newTab_ms: number; again_ms: number }> {
  const page = await person.newPage();
  await page.addInitScript(watch, selector);
  const newTab_ms = await timeUntilContent(page, () => page.goto(address, { waitUntil: 'commit' }));
  await look(page);
  const again_ms = await timeUntilContent(page, () => page.reload({ waitUntil: 'commit' }));
  await page.close();
  return { newTab_ms, again_ms };
}

const show = (times: readonly number[]): string => `${median(times)} ms (${times.join(', ')})`;
const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;

/** These need what an earlier answer has named. The latest changes are asked for again when the stream of changes is open. */
const follows = /stock|last-changes|[?&]ids=|changes\/latest/;

/** What the page had to ask before its content was there, because the server had not named it. Polls begin after a second. */
async function askedLate(page: Page): Promise<string[]> {
  const asked = await page.evaluate(() =>
    (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
      .filter(({ initiatorType, startTime }) => initiatorType === 'fetch' && startTime < 900)
      .filter(({ startTime }) => startTime < (window.contentAt_ms ?? 0))
      .map(({ name }) => name),
  );
  return asked.filter((address) => !follows.test(address));
}

test('every page of the app is measured here', () => {
  const measured = pages.map(([path]) => path.replace(/\?.*/, '').replace(id, ':id'));
  // There is no order to show.
  expect([...new Set([...measured, '/orders/:id'])].toSorted()).toEqual(Object.keys(appPages).toSorted());
});

test('what the browser itself takes: a page with one word, from a server that does nothing else', async () => {
  const server = createServer((_, res) =>
    res.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Word</title><p>Word</p>'),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const took = [];
  for (let n = 0; n < loads; n++) took.push(await load(address, 'p', async () => undefined));
  server.close();
  const again_ms = took.map((one) => one.again_ms);
  const newTab_ms = took.map((one) => one.newTab_ms);
  console.log(`one word: ${show(again_ms)}, in a new tab ${show(newTab_ms)}`);
  expect(Math.min(...again_ms, ...newTab_ms)).toBeLessThan(most_ms);
});

test.each(pages)(
  '%s shows its content soon after it is loaded, and nothing moves',
  async (path, selector) => {
    // The first load fills the cache of the browser.
    const address = app.url + path;
    await load(address, selector, async () => undefined);
    const again_ms: number[] = [];
    const newTab_ms: number[] = [];
    let shift = 0;
    const late: string[] = [];
    for (let n = 0; n < loads; n++) {
      const took = await load(address, selector, async (page) => {
        // Answers that come later may move something too.
        await page.waitForTimeout(n === 0 ? 1_500 : 300);
        shift = Math.max(shift, await page.evaluate(() => window.shift));
        late.push(...(await askedLate(page)));
      });
      again_ms.push(took.again_ms);
      newTab_ms.push(took.newTab_ms);
    }
    console.log(`${path.replace(id, '<id>')}: ${show(again_ms)}, in a new tab ${show(newTab_ms)}`);
    expect(late).toEqual([]);
    expect(Math.min(...again_ms, ...newTab_ms)).toBeLessThan(most_ms);
    expect(shift).toBeLessThan(0.02);
  },
);
