/// <reference lib="dom" />
/** How soon a page that is loaded again shows its content, and that nothing moves meanwhile. */
import type { BrowserContext, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { appOfFile } from './testing/app-of-file.ts';
import { appPages } from './shell/app-pages.ts';

const app = await appOfFile();
const { rows } = await app.sql.query<{ id: string }>('select id from catalog.products order by id limit 1');
const id = rows[0]?.id ?? '';

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
/** Generous, because other tests may use the machine too. On a quiet one the times are a fifth of it. */
const most_ms = 1_000;

declare global {
  interface Window {
    contentAt_ms?: number;
    shift: number;
  }
}

/** Runs before the page: notes when its content has a place on the screen, and how much moves. */
function watch(selector: string): void {
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      window.shift += (entry as PerformanceEntry & { value: number }).value;
  }).observe({ type: 'layout-shift', buffered: true });
  const look = (): void => {
    const found = document.querySelector(selector);
    if (found !== null && found.getBoundingClientRect().height > 0) window.contentAt_ms = performance.now();
    else requestAnimationFrame(look);
  };
  addEventListener('DOMContentLoaded', look);
}

async function load(
  context: BrowserContext,
  path: string,
  selector: string,
  then: (page: Page) => Promise<void>,
) {
  const page = await context.newPage();
  await page.addInitScript(watch, selector);
  await page.goto(app.url + path);
  await page.waitForFunction(() => window.contentAt_ms !== undefined);
  await then(page);
  await page.close();
}

test('every page of the app is measured here', () => {
  const measured = pages.map(([path]) => path.replace(/\?.*/, '').replace(id, ':id'));
  const others = Object.keys(appPages).filter((path) => !measured.includes(path));
  // It shows as little as it asks: one order.
  expect(others).toEqual(['/orders/:id']);
});

test.each(pages)(
  '%s shows its content soon after it is loaded again, and nothing moves',
  async (path, selector) => {
    const context = (await app.open('admin', { path })).context();
    const times_ms: number[] = [];
    let shift = 0;
    for (let n = 0; n <= loads; n++)
      await load(context, path, selector, async (page) => {
        times_ms.push(Math.round((await page.evaluate(() => window.contentAt_ms)) ?? 0));
        if (n < loads) return;
        // Answers that come later may move something too.
        await page.waitForTimeout(1_500);
        shift = await page.evaluate(() => window.shift);
      });
    // The first load fills the cache of the browser.
    const median_ms = times_ms.slice(1).toSorted((a, b) => a - b)[loads >> 1] ?? 0;
    console.log(
      `${path.replace(id, '<id>')}: ${median_ms} ms (${times_ms.slice(1).join(', ')}), moved ${shift.toFixed(3)}`,
    );
    expect(median_ms).toBeLessThan(most_ms);
    expect(shift).toBeLessThan(0.02);
  },
);
