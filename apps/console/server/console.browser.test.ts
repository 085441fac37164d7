/** What people do with the console in a real Chromium, and what malicious names cannot do. */
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { once } from 'node:events';
import { Worker } from 'bullmq';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { accessibilityProblems, pictureFile } from './testing/running-app.ts';
import { password, runningConsole, type RunningConsole } from './testing/running-console.ts';

// The dashboard refreshes every five seconds, and a browser on a busy machine is slow.
vi.setConfig({ testTimeout: 60_000 });

let running: RunningConsole;
let browser: Browser;
beforeAll(async () => {
  // `npm test` sets CHROMIUM. When this file runs alone, it tries the Chromium of Debian.
  browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium' });
  running = await runningConsole();
});
afterAll(async () => {
  await browser.close();
  await running[Symbol.asyncDispose]();
});

/** A new browser context. `complaints` lists script errors, dialogs, policy violations and requests to other hosts. */
async function openPage(options: { width?: number; scheme?: 'light' | 'dark' } = {}) {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1200, height: 900 },
    colorScheme: options.scheme ?? 'light',
  });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // The browser logs every answer of 400 and above, and the tests expect some of them.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(running.url) && !url.startsWith('data:')) complaints.push(`a foreign host: ${url}`);
  });
  return { page, complaints };
}

async function signIn(page: Page, username: 'admin' | 'viewer', path = '/'): Promise<void> {
  await page.goto(running.url + path);
  await page.getByLabel('User name').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('a user can sign in, see the services, open the dashboard and sign out with the keyboard alone', async () => {
  const { page, complaints } = await openPage();
  await page.goto(running.url);
  expect(page.url()).toBe(`${running.url}/sign-in`);
  // Chromium gives the first field its focus a moment after the page has loaded.
  await page.locator('input:focus').waitFor();
  await page.keyboard.type('viewer');
  await page.keyboard.press('Tab');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.getByRole('row', { name: /invalidation-worker ready/ }).waitFor();
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
  await page.getByRole('link', { name: 'Queues' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('refresh').first().waitFor();
  expect(page.url()).toContain('/queues/');

  await page.goBack();
  await page.getByRole('button', { name: 'Sign out' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Catalog console' }).waitFor();
  // The history of the browser shows nothing either.
  await page.goBack();
  await page.getByLabel('Password').waitFor();
  expect(complaints).toEqual([]);
});

test('after a wrong password the page says so and keeps the user name', async () => {
  const { page, complaints } = await openPage();
  await page.goto(`${running.url}/sign-in`);
  await page.getByLabel('User name').fill('viewer');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  expect(await page.getByRole('alert').textContent()).toBe('The user name or the password is wrong.');
  expect(await page.getByLabel('User name').inputValue()).toBe('viewer');
  expect(complaints).toEqual([]);
});

test('the overview refreshes itself and leads to the sign-in page when the session has ended', async () => {
  const { page, complaints } = await openPage();
  await signIn(page, 'viewer');
  await page.getByText(/All changes are applied/).waitFor();
  running.worker.answers['/readyz'] = { status: 503, body: '{"checks":{"cache":"fails: ECONNREFUSED"}}' };
  await running.clock.advance(1_000);
  await page.getByText(/The cache Redis does not answer/).waitFor();
  running.worker.answers['/readyz'] = { status: 200, body: '{"checks":{"cache":"ok"}}' };
  await running.clock.advance(1_000);
  await page.getByText(/All changes are applied/).waitFor();
  await running.redis.flushall();
  await page.getByText('Your session has ended. Sign in to go on where you were.').waitFor();
  await page.getByLabel('Password').waitFor();
  expect(complaints).toEqual([]);
});

test('the overview and the dashboard show queue changes without a reload', async () => {
  const { page: overview, complaints } = await openPage();
  const { page: dashboard } = await openPage();
  const job = await running.queues.refresh.add('refresh', { keys: [] });
  await running.clock.advance(1_000);
  await signIn(overview, 'viewer');
  await overview.getByRole('row', { name: 'refresh 1 0 0 0 0' }).waitFor();
  await signIn(dashboard, 'viewer', '/queues/queue/refresh?status=completed');
  await dashboard.getByText('Completed').first().waitFor();
  expect(await dashboard.getByText(`#${job.id}`, { exact: true }).count()).toBe(0);

  const worker = new Worker('refresh', async () => 'done', { connection: { url: running.redisServer.url } });
  onTestFinished(() => worker.close());
  await once(worker, 'completed');
  await running.clock.advance(1_000);
  await overview.getByRole('row', { name: 'refresh 0 0 0 0 1' }).waitFor();
  await dashboard.getByText(`#${job.id}`, { exact: true }).first().waitFor();
  await job.remove();
  expect(complaints).toEqual([]);
});

test('an admin purges a key, says why, and sees the result', async () => {
  const { page, complaints } = await openPage();
  running.worker.answers['/v1/purges'] = { status: 200, body: '{"entries":1,"invalidated":1}' };
  await signIn(page, 'admin', '/keys?key=product%3A1');
  await page.getByRole('button', { name: 'Purge this key…' }).click();
  await page.getByLabel('Why').fill('a wrong price');
  await page.getByRole('button', { name: 'Purge', exact: true }).click();
  await page.getByText('Purged product:1').waitFor();
  await page.getByText('Found in the cache: 1.').waitFor();
  expect(complaints).toEqual([]);
});

test('⌘K leads to any page without the mouse', async () => {
  const { page, complaints } = await openPage();
  await signIn(page, 'viewer');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.keyboard.press('Control+k');
  await page.locator('input[role=combobox]:focus').waitFor();
  await page.keyboard.type('keys');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Why is this key so?' }).waitFor();
  expect(complaints).toEqual([]);
});

test('the colours follow the system until somebody chooses, and the choice stays', async () => {
  const { page } = await openPage({ scheme: 'light' });
  await signIn(page, 'viewer');
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  const light = await ground();
  await page.getByRole('button', { name: 'Colours of this page' }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  await expect.poll(ground).not.toBe(light);
  await page.reload();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  expect(await ground()).not.toBe(light);
  // Pages that the app does not make follow it too.
  await page.goto(`${running.url}/queues/`);
  await page.locator('body.dark-mode').waitFor();
  await page.goto(running.url);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Password').waitFor();
  expect(await ground()).not.toBe(light);
});

test.each([390, 1280])(
  'at a width of %i the dashboard leads back, and cuts no name of a job',
  async (width) => {
    const key = { entity: 'product', key: '01a22c27-8d09-76be-bacb-a170632af90b', seqs: [1] };
    const job = await running.queues.refresh.add('refresh', { keys: [key] });
    onTestFinished(() => job.remove());
    const { page } = await openPage({ width });
    await signIn(page, 'viewer', '/queues/queue/refresh?status=waiting');
    const name = page.getByText(/01a22c27-8d09-76be-bacb-a170632af90b/).first();
    await name.waitFor();
    expect(await name.evaluate((shown) => shown.scrollWidth <= shown.clientWidth)).toBe(true);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await page.getByRole('link', { name: 'Console' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  },
);

/** The pages of the dashboard are those of bull-board. The other problems cannot be mended from outside. */
const mendedOnTheDashboard =
  /^(?:button-name|color-contrast|image-redundant-alt|link-name|region|svg-img-alt):/;

describe.each(['light', 'dark'] as const)('%s', (scheme) => {
  test.each([390, 1280, 1920])('a page of width %i cuts nothing off', async (width) => {
    const { page, complaints } = await openPage({ width, scheme });
    await signIn(page, 'admin');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    expect(complaints).toEqual([]);
  });

  test.each(['/', '/keys', '/keys?key=app%3Asettings', '/no-such-page'])(
    'axe finds nothing on %s',
    async (path) => {
      const { page } = await openPage({ scheme });
      await signIn(page, 'admin', path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      expect(await accessibilityProblems(page)).toEqual([]);
    },
  );

  test.each([390, 1280])(
    'the queue dashboard at a width of %i is readable and cut off nowhere',
    async (width) => {
      const job = await running.queues.refresh.add('refresh', { keys: [] });
      onTestFinished(() => job.remove());
      const { page } = await openPage({ width, scheme });
      await signIn(page, 'admin', '/queues/queue/refresh?status=waiting');
      await page.getByText('refresh').first().waitFor();
      await page.waitForLoadState('networkidle');
      await page.screenshot({ path: pictureFile(`queue-${width}-${scheme}`) });
      const problems = async () =>
        (await accessibilityProblems(page)).filter((problem) => mendedOnTheDashboard.test(problem));
      expect(await problems()).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.goto(`${running.url}/queues/`);
      await page.getByText('refresh').first().waitFor();
      await page.waitForLoadState('networkidle');
      await page.screenshot({ path: pictureFile(`queues-${width}-${scheme}`) });
      expect(await problems()).toEqual([]);
    },
  );

  test.each([390, 1280, 1920])(
    'axe finds nothing on the sign-in page of width %i, and nothing is cut off',
    async (width) => {
      const { page } = await openPage({ width, scheme });
      await page.goto(`${running.url}/sign-in`);
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.screenshot({ path: pictureFile(`sign-in-${width}-${scheme}`) });
    },
  );
});

describe('malicious text is shown and does nothing', () => {
  const evil = '<script>alert("script")</script><img src=x onerror=alert("image")><svg onload=alert("svg")>';

  test('in names, data and failures of jobs in the dashboard', async () => {
    const { page, complaints } = await openPage();
    const job = await running.queues.refresh.add(evil, { keys: [{ entity: evil, key: evil }] });
    await job.log(evil);
    onTestFinished(() => job.remove());
    for (const user of ['viewer', 'admin'] as const) {
      await page.context().clearCookies();
      await signIn(page, user, '/queues/queue/refresh?status=waiting');
      await page.getByText(evil).first().waitFor();
      await page.goto(`${running.url}/queues/queue/refresh/${job.id}`);
      await page.getByText(evil).first().waitFor();
      for (const tab of ['Data', 'Options', 'Logs', 'Error']) {
        const button = page.getByRole('button', { name: tab, exact: true });
        if ((await button.count()) > 0) await button.first().click();
      }
      expect(await page.locator('img[src="x"], svg[onload]').count()).toBe(0);
    }
    expect(complaints).toEqual([]);
  });

  test('in the readiness of a service, and in the name on the sign-in page', async () => {
    const { page, complaints } = await openPage();
    running.worker.answers['/readyz'] = { status: 503, body: JSON.stringify({ checks: { [evil]: evil } }) };
    await running.clock.advance(1_000);
    onTestFinished(() => {
      running.worker.answers['/readyz'] = { status: 200, body: '{}' };
    });
    await signIn(page, 'viewer');
    await page.getByText(evil).first().waitFor();
    // Waits until the page has fetched the state once more.
    await page.waitForResponse((response) => response.url().endsWith('/api/state'));
    expect(complaints).toEqual([]);
    const { page: other, complaints: otherComplaints } = await openPage();
    await other.goto(`${running.url}/sign-in?next=${encodeURIComponent(`/"><script>alert(1)</script>`)}`);
    await other.getByLabel('User name').fill(`" autofocus onfocus="alert(1)"><script>alert(1)</script>`);
    await other.getByLabel('Password').fill('wrong');
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('alert').waitFor();
    expect(otherComplaints).toEqual([]);
  });
});

test('the dashboard offers an admin what the server does, and a viewer nothing', async () => {
  const job = await running.queues.refresh.add('refresh', { keys: [] });
  onTestFinished(() => job.remove());
  for (const [user, jobActions, menuItems] of [
    ['viewer', [], []],
    ['admin', ['Remove'], ['Empty', 'Pause']],
  ] as const) {
    const { page } = await openPage();
    await signIn(page, user, '/queues/queue/refresh?status=waiting');
    await page.getByText(`#${job.id}`, { exact: true }).first().waitFor();
    const buttons = page.locator('ul[class^=jobActions] > li:visible button');
    const names = () =>
      buttons.evaluateAll((found) => found.map((button) => button.getAttribute('aria-label')));
    await expect.poll(names).toEqual(jobActions);
    const menus = page.getByRole('button').and(page.locator('[aria-haspopup=menu]'));
    const items = page.getByRole('menuitem');
    const offered = async () => {
      const texts: string[] = [];
      for (const menu of await menus.all()) {
        await menu.click();
        await items.first().waitFor();
        texts.push(...(await items.allInnerTexts()));
        await page.keyboard.press('Escape');
        await items.first().waitFor({ state: 'detached' });
      }
      return texts.map((text) => text.trim()).toSorted();
    };
    await expect.poll(offered).toEqual(menuItems);
  }
});
