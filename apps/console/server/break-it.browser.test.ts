/// <reference lib="dom" />
/** An admin breaks parts of a real stack on the page, and the console says what is wrong. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { faultWords } from '../web/pages/break-it/faults.ts';
import { appOfFile } from './testing/app-of-file.ts';
import { accessibilityProblems } from './testing/running-app.ts';

const app = await appOfFile();

const rowOf = (page: Page, name: string) =>
  page.getByRole('listitem', { name: faultWords[name]?.title ?? '', exact: true });
const seen = (page: Page) => page.locator('.verdict').getAttribute('data-cause');
const until = { timeout: 60_000 };

test.each([
  ['cut-listener', 'deaf listener'],
  ['pause-worker', 'worker away'],
  ['freeze-cache', 'cache redis'],
  ['stop-cache', 'cache redis'],
  ['cut-postgres', 'postgres'],
])('%s is seen as "%s", and is put back', async (name, cause) => {
  const page = await app.open('admin', { path: '/break-it' });
  await expect.poll(() => seen(page), until).toBe('none');
  await rowOf(page, name).getByRole('button').click();
  await rowOf(page, name).getByText('broken since').waitFor();
  await expect.poll(() => seen(page), until).toBe(cause);
  await app.picture(page, `break-${name}`);
  // The rest of the console stays usable.
  await page.getByRole('link', { name: 'Overview' }).click();
  await expect.poll(() => seen(page), until).toBe(cause);
  // It says there that somebody has done it, and leads back.
  const told = page.locator('.verdict li').filter({ hasText: 'Broken on purpose since' });
  await told.getByText(faultWords[name]?.title ?? '').waitFor();
  await told.getByRole('link', { name: 'Break it' }).click();
  await rowOf(page, name).getByRole('button', { name: 'Put it back' }).click();
  await expect.poll(() => seen(page), until).toBe('none');
  // While Postgres is cut off, the action waits. It is stored with the time at which it was.
  const recorded = async () => {
    const { rows } = await app.sql.query<{ line: string }>(
      "select concat_ws(' ', username, action, status) as line from catalog.console_actions where target = $1 order by id",
      [name],
    );
    return rows.map(({ line }) => line);
  };
  await expect.poll(recorded, until).toEqual(['admin fault.begin 204', 'admin fault.end 204']);
});

test('the wiped cache is filled again by its readers', async () => {
  const page = await app.open('admin', { path: '/break-it' });
  await rowOf(page, 'wipe-cache').getByRole('button').click();
  await page.getByText('The cache is empty').waitFor();
  expect(await rowOf(page, 'wipe-cache').getByText('broken since').count()).toBe(0);
  expect(await accessibilityProblems(page)).toEqual([]);
});

test('the stack can break exactly the parts that the page describes', async () => {
  const page = await app.open('admin', { path: '/break-it' });
  const names = await page.evaluate(async () => {
    const { data } = (await (await fetch('/api/break-it')).json()) as { data: { name: string }[] };
    return data.map(({ name }) => name);
  });
  expect(names.toSorted()).toEqual(Object.keys(faultWords).toSorted());
  const status = await page.evaluate(
    async () => (await fetch('/api/break-it/all', { method: 'POST' })).status,
  );
  expect(status).toBe(404);
});

test.each(['viewer', 'editor'] as const)('the %s sees the page and can break nothing', async (username) => {
  const page = await app.open(username, { path: '/break-it' });
  const button = rowOf(page, 'cut-postgres').getByRole('button');
  await button.waitFor();
  expect(await button.isDisabled()).toBe(true);
  const status = await page.evaluate(
    async () => (await fetch('/api/break-it/cut-postgres', { method: 'POST' })).status,
  );
  expect(status).toBe(403);
});
