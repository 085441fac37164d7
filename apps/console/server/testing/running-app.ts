/** Starts the whole local stack, and signs users in to the console in a real Chromium. */
/// <reference lib="dom" />
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createPool, type Pool } from '@catalog/database';
import { stackPlace, startLocalStack, type LocalStack } from '@catalog/testing';
import axe from 'axe-core';
import { userRoles, type UserRole } from '@catalog/contracts';
import { chromium, type Browser, type Page } from 'playwright-core';
import { Accounts } from '../accounts/accounts.ts';
import { createPasswordHasher } from '../accounts/password-hash.ts';
import { misspelledMembers } from './members.ts';

const password = 'correct horse battery staple';
const screenshots = join(import.meta.dirname, '../../reports/screenshots');

/** Where a picture is kept. */
export const pictureFile = (name: string): string => join(screenshots, `${name}.png`);

export interface OpenOptions {
  readonly path?: string;
  readonly width?: number;
  readonly scheme?: 'light' | 'dark';
  /** Before the first page loads. */
  readonly prepare?: (page: Page) => Promise<unknown>;
}

export interface NewProduct {
  readonly id: string;
  readonly sku: string;
}

export interface RunningApp extends AsyncDisposable {
  readonly stack: LocalStack;
  readonly url: string;
  /** As the superuser, past every service. */
  readonly sql: Pool;
  /** Script errors, dialogs, violations of the policy and requests to other hosts, in all pages. */
  readonly complaints: string[];
  /** A new browser in which the user with this name is signed in. `ann` is an editor too. */
  open(username: string, options?: OpenOptions): Promise<Page>;
  /** A user whom `open` can sign in. */
  newUser(role: UserRole): Promise<string>;
  /** An active product, written by SQL. */
  newProduct(values?: { name?: string; priceMinor?: number }): Promise<NewProduct>;
  valueOf(id: string, column: 'name' | 'price_minor' | 'status' | 'brand'): Promise<unknown>;
  /** Closes every browser that was opened. */
  closeAll(): Promise<void>;
  /** Keeps a picture in `reports/screenshots`. */
  picture(page: Page, name: string): Promise<void>;
}

export async function runningApp(): Promise<RunningApp> {
  const place = await stackPlace();
  // Two processes of catalog-read: the console has to find and ask both.
  const stack = await startLocalStack(place, { env: { WORKERS: '2' } });
  const sql = createPool({
    url: await stack.databaseUrl(),
    applicationName: 'test',
    statementTimeout_ms: 20_000,
    connectTimeout_ms: 60_000,
  });
  const accounts = new Accounts(sql, createPasswordHasher());
  for (const role of userRoles) await accounts.put(role, password, role);
  await accounts.put('ann', password, 'editor');
  // `npm test` sets CHROMIUM. When a file runs alone, it tries the Chromium of Debian.
  const browser: Browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  });
  const url = stack.url('console');
  const complaints: string[] = [];
  mkdirSync(screenshots, { recursive: true });

  const open: RunningApp['open'] = async (
    username,
    { path = '/', width = 1280, scheme = 'light', prepare } = {},
  ) => {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    page.on('console', (message) => {
      // The browser logs every answer of 400 and above, and the tests expect some of them.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      const asked = request.url();
      if (!asked.startsWith(url) && !asked.startsWith('data:')) complaints.push(`a foreign host: ${asked}`);
    });
    page.on('response', (answer) => {
      const isOurs = answer.url().startsWith(`${url}/api/`);
      if (!isOurs || !(answer.headers()['content-type'] ?? '').includes('json')) return;
      // The page may have left before the body arrived.
      void answer.json().then(
        (body) => {
          const names = misspelledMembers(body);
          if (names.length > 0) complaints.push(`members not in camelCase: ${names.join(', ')}`);
        },
        () => undefined,
      );
    });
    await prepare?.(page);
    await page.goto(`${url}/sign-in?next=${encodeURIComponent(path)}`);
    await page.getByLabel('User name').fill(username);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('navigation', { name: 'Console' }).waitFor();
    return page;
  };

  return {
    stack,
    url,
    sql,
    complaints,
    open,
    async newUser(role) {
      const username = `${role}-${randomUUID().slice(0, 8)}`;
      await accounts.put(username, password, role);
      return username;
    },
    async newProduct(values = {}) {
      const sku = `TEST-${randomUUID().slice(0, 8)}`;
      const { rows } = await sql.query<NewProduct>(
        `insert into catalog.products (sku, name, description, brand, category, price_minor, currency, status, attributes)
         values ($1, $2, '', 'Test brand', 'test', $3, 'EUR', 'active', '{}') returning id, sku`,
        [sku, values.name ?? 'Test product', values.priceMinor ?? 1000],
      );
      const [row] = rows;
      if (row === undefined) throw new Error('no product was created');
      return row;
    },
    async valueOf(id, column) {
      const { rows } = await sql.query<Record<string, unknown>>(
        'select name, price_minor::int, status, brand from catalog.products where id = $1',
        [id],
      );
      return rows[0]?.[column];
    },
    async closeAll() {
      await Promise.all(browser.contexts().map((context) => context.close()));
    },
    async picture(page, name) {
      await page.screenshot({ path: pictureFile(name) });
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await sql.end();
      await stack[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

/**
 * What axe finds on the page, one line for each element. A problem that passes within five seconds is left out, such as the colours of
 * a menu that fades in, or a page that an open menu has not hidden yet.
 */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const look = () =>
    page.evaluate(async () => {
      const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
    });
  const end_ms = performance.now() + 5_000;
  let problems = await look();
  while (problems.length > 0 && performance.now() < end_ms) {
    await page.waitForTimeout(200);
    problems = await look();
  }
  return problems;
}
