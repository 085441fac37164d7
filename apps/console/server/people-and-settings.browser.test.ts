/// <reference lib="dom" />
/** People, sessions and settings in real browsers in front of the whole stack. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { appOfFile } from './testing/app-of-file.ts';
import { accessibilityProblems } from './testing/running-app.ts';

const app = await appOfFile();

const everybody = (page: Page) => page.getByRole('region', { name: 'Everybody' });
const rowOf = (page: Page, username: string) =>
  everybody(page).getByRole('row', { name: new RegExp(`^${username}\\b`) });
const ownSessions = (page: Page) => page.getByRole('region', { name: 'Your sessions' });
const signInPage = (page: Page) => page.getByLabel('Password').waitFor();

describe('people', () => {
  test('an admin adds a person by keyboard, whose password is shown once and signs in', async () => {
    const page = await app.open('admin');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.locator('input[role=combobox]:focus').waitFor();
    await page.keyboard.type('people');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Add a person…' }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Add a person' });
    await dialog.getByLabel('Name').waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('INPUT');
    const username = `ben-${randomUUID().slice(0, 8)}`;
    await page.keyboard.type(username);
    await page.keyboard.press('Enter');
    const secret = dialog.getByLabel('New password');
    await secret.waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await app.picture(page, 'people-password-shown-once');
    const password = (await secret.textContent())?.trim() ?? '';
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    expect(await page.content()).not.toContain(password);
    expect(await rowOf(page, username).textContent()).toMatch(/viewer/);

    const other = await page.context().browser()?.newPage();
    if (other === undefined) throw new Error('no browser');
    await other.goto(`${app.url}/sign-in`);
    await other.getByLabel('User name').fill(username);
    await other.getByLabel('Password').fill(password);
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('navigation', { name: 'Console' }).waitFor();
    await expect
      .poll(() => rowOf(page, username).textContent(), { timeout: 20_000 })
      .toMatch(/viewer.*now.*1/);
  });

  test('a name or a password against the rules is refused beside its field, and what was typed stays', async () => {
    const page = await app.open('admin', { path: '/people' });
    await page.getByRole('button', { name: 'Add a person…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add a person' });
    await dialog.getByLabel('Name').fill('No Name');
    await dialog.getByLabel('Password').fill('short');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await dialog.getByText(/^must have 1 to 64 characters/).waitFor();
    await dialog.getByText('must have at least 12 characters', { exact: true }).waitFor();
    expect(await dialog.getByLabel('Name').inputValue()).toBe('No Name');
    await dialog.getByLabel('Name').fill('ann');
    await dialog.getByLabel('Password').fill('a long password');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await dialog.getByText('belongs to another user', { exact: true }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
  });

  test('a new role shows at once in a browser that the person has open', async () => {
    const username = await app.newUser('editor');
    const { id } = await app.newProduct();
    const theirs = await app.open(username, { path: `/products/${id}` });
    await theirs.getByRole('button', { name: 'Delete' }).waitFor();
    const page = await app.open('admin', { path: '/people' });
    await page.getByRole('button', { name: `Role… of ${username}` }).click();
    const dialog = page.getByRole('dialog', { name: `Role of ${username}` });
    await dialog.getByLabel('Role').selectOption('viewer');
    await dialog.getByRole('button', { name: 'Change the role' }).click();
    await page.getByText(`${username} is a viewer now`).waitFor();
    // Within the bound, the poll of two seconds, and the time of a busy machine. Nobody loads their page again.
    await theirs.getByRole('button', { name: 'Delete' }).waitFor({ state: 'detached', timeout: 20_000 });
    expect(await theirs.getByLabel('Name', { exact: true }).isDisabled()).toBe(true);
    expect(await theirs.getByRole('navigation').textContent()).toContain('viewer');
  });

  test('a removed person is led to the sign-in page, and cannot sign in again', async () => {
    const username = await app.newUser('editor');
    const theirs = await app.open(username, { path: '/changes' });
    const page = await app.open('admin', { path: '/people' });
    await page.getByRole('button', { name: `Remove… ${username}` }).click();
    const dialog = page.getByRole('dialog', { name: `Remove ${username}` });
    await dialog.getByText(/can no longer sign in/).waitFor();
    await app.picture(page, 'people-remove');
    await dialog.getByRole('button', { name: `Remove ${username}` }).click();
    await page.getByText(`Removed ${username}`).waitFor();
    await rowOf(page, username).waitFor({ state: 'detached' });
    await signInPage(theirs);
    await theirs.getByLabel('User name').fill(username);
    await theirs.getByLabel('Password').fill('correct horse battery staple');
    await theirs.getByRole('button', { name: 'Sign in' }).click();
    expect(await theirs.getByRole('alert').textContent()).toBe('The user name or the password is wrong.');
  });

  test('the last admin stays one, and the dialog names the rule', async () => {
    const page = await app.open('admin', { path: '/people' });
    await page.getByRole('button', { name: 'Remove… admin' }).click();
    await page.getByRole('button', { name: 'Remove admin' }).click();
    await page.getByText(/admin is the only admin\. One admin must remain/).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Role… of admin' }).click();
    const dialog = page.getByRole('dialog', { name: 'Role of admin' });
    await dialog.getByLabel('Role').selectOption('editor');
    await dialog.getByRole('button', { name: 'Change the role' }).click();
    await dialog.getByText('must stay admin while nobody else is an admin').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    expect(await rowOf(page, 'admin').textContent()).toContain('you');
  });

  test('a person who loses the role while typing learns why nothing can be saved', async () => {
    const username = await app.newUser('editor');
    const { id } = await app.newProduct();
    const theirs = await app.open(username, { path: `/products/${id}` });
    await theirs.getByLabel('Name', { exact: true }).fill('Typed before');
    const page = await app.open('admin', { path: '/people' });
    await page.getByRole('button', { name: `Role… of ${username}` }).click();
    await page.getByRole('dialog').getByLabel('Role').selectOption('viewer');
    await page.getByRole('dialog').locator('button[type=submit]').click();
    await theirs.getByText(/^Your role was changed, so you can no longer save this\./).waitFor();
    expect(await theirs.getByLabel('Name', { exact: true }).inputValue()).toBe('Typed before');
    await theirs.getByRole('button', { name: 'Discard' }).click();
    await expect.poll(() => theirs.getByLabel('Name', { exact: true }).inputValue()).toBe('Test product');
  });

  test('an admin gives a new password and signs a person out everywhere', async () => {
    const username = await app.newUser('viewer');
    const theirs = await app.open(username);
    const page = await app.open('admin', { path: '/people' });
    await page.getByRole('button', { name: `Sign out… ${username}` }).click();
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await page.getByText('1 session has ended.').waitFor();
    await signInPage(theirs);
    await page.getByRole('button', { name: `Password… of ${username}` }).click();
    const dialog = page.getByRole('dialog', { name: `New password for ${username}` });
    await dialog.getByLabel('Password').fill('another long password');
    await dialog.getByRole('button', { name: 'Set the password' }).click();
    await page.getByText(`${username} has a new password`).waitFor();
    await theirs.getByLabel('User name').fill(username);
    await theirs.getByLabel('Password').fill('another long password');
    await theirs.getByRole('button', { name: 'Sign in' }).click();
    const navigation = theirs.getByRole('navigation', { name: 'Console' });
    await expect.poll(() => navigation.textContent()).toContain(username);
  });

  test('the audit log shows what an admin did to people', async () => {
    const username = await app.newUser('viewer');
    const page = await app.open('admin', { path: '/people' });
    await page.getByRole('button', { name: `Remove… ${username}` }).click();
    await page.getByRole('button', { name: `Remove ${username}` }).click();
    await page.getByText(`Removed ${username}`).waitFor();
    await page.goto(`${app.url}/audit-log?kind=user`);
    const row = page.getByRole('row', { name: new RegExp(username) });
    expect(await row.textContent()).toMatch(/admin.*removed the person.*done/);
  });
});

describe('sessions', () => {
  test('a person sees both browsers, and signs the other one out', async () => {
    const username = await app.newUser('viewer');
    const [here, other] = [await app.open(username, { path: '/people' }), await app.open(username)];
    const rows = ownSessions(here).getByRole('row', { name: /Chrome on/ });
    await expect.poll(() => rows.count(), { timeout: 20_000 }).toBe(2);
    expect(await rows.filter({ hasText: 'this one' }).count()).toBe(1);
    await ownSessions(here).getByRole('button', { name: 'Sign out the other one' }).click();
    await here.getByText('Signed out everywhere else').waitFor();
    await signInPage(other);
    await expect.poll(() => rows.count()).toBe(1);
    const third = await app.open(username);
    await ownSessions(here)
      .getByRole('button', { name: /^Sign out Chrome on/ })
      .click();
    await here.getByText(/^Signed out Chrome on/).waitFor();
    await signInPage(third);
    await here.reload();
    await rows.first().waitFor();
  });

  test('people who change their own password stay signed in here, but nowhere else', async () => {
    const username = await app.newUser('viewer');
    const [here, other] = [await app.open(username, { path: '/people' }), await app.open(username)];
    await ownSessions(here).getByRole('button', { name: 'Change your password…' }).click();
    const dialog = here.getByRole('dialog', { name: 'Change your password' });
    await dialog.getByLabel('Present password').fill('wrong');
    await dialog.getByLabel('New password').fill('another long password');
    await dialog.getByRole('button', { name: 'Change the password' }).click();
    await dialog.getByText('is not your present password', { exact: true }).waitFor();
    expect(await accessibilityProblems(here)).toEqual([]);
    await dialog.getByLabel('Present password').fill('correct horse battery staple');
    await dialog.getByRole('button', { name: 'Change the password' }).click();
    await signInPage(other);
    await other.getByLabel('User name').fill(username);
    await other.getByLabel('Password').fill('another long password');
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('navigation', { name: 'Console' }).waitFor();
    const rows = ownSessions(here).getByRole('row', { name: /Chrome on/ });
    await expect.poll(() => rows.count(), { timeout: 20_000 }).toBe(2);
  });

  test.each(['viewer', 'editor'] as const)(
    'a %s sees no sessions of others, and can change no person and no setting',
    async (role) => {
      const page = await app.open(role, { path: '/people' });
      await ownSessions(page).getByText('this one').waitFor();
      expect(await everybody(page).count()).toBe(0);
      expect(await page.getByRole('button', { name: /person|Role|Remove|Password… of/ }).count()).toBe(0);
      await page.goto(`${app.url}/settings`);
      await page.getByText('Only an admin can change the settings.').waitFor();
      expect(await page.getByLabel('Store name').isDisabled()).toBe(true);
      for (const name of ['Save', 'Discard'])
        expect(await page.getByRole('button', { name }).count()).toBe(0);
    },
  );
});

const storedName = async (): Promise<unknown> =>
  (await app.sql.query<{ store_name: string }>('select store_name from catalog.settings')).rows[0]
    ?.store_name;

describe('settings', () => {
  test('a save is followed into every reader, until all agree', async () => {
    const page = await app.open('admin', { path: '/settings' });
    const name = `Store ${randomUUID().slice(0, 8)}`;
    await page.getByLabel('Store name').fill(name);
    await page.keyboard.press('Enter');
    await page.getByText('Saved', { exact: true }).waitFor();
    expect(await storedName()).toBe(name);
    const followed = page.getByRole('region', { name: 'Follow the change' });
    await followed.getByText('complete').waitFor();
    for (const step of ['commit', 'claimed', 'queued', 'applied', 'reader 1', 'reader 2'])
      expect(await followed.getByRole('listitem').filter({ hasText: step }).textContent()).toMatch(/\d m?s/);
    await followed.getByText(/All agree/).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await app.picture(page, 'settings-followed');
    await followed.getByRole('link', { name: 'Why is this key so?' }).click();
    await page.getByRole('row', { name: /near cache 2/ }).waitFor();
    await page.getByRole('link', { name: 'To the settings' }).click();
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
  });

  test('a value against the contract is named beside its field, and cannot be saved', async () => {
    const page = await app.open('admin', { path: '/settings' });
    const save = page.getByRole('button', { name: 'Save' });
    await page.getByLabel('Low stock threshold').fill('-1');
    await page.getByText('must be at least 0', { exact: true }).waitFor();
    await page.getByLabel('Low stock threshold').fill('many');
    await page.getByText('must be a number', { exact: true }).waitFor();
    await page.getByLabel('Default currency').fill('EURO');
    await page.getByText(/must be a currency of ISO 4217/).waitFor();
    await page.getByLabel('Support email').fill('nobody');
    await page.getByText(/must be an email address/).waitFor();
    expect(await save.isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Discard' }).click();
    expect(await page.getByText(/^must /).count()).toBe(0);
  });

  test('a save over a change that this page has not seen is refused, and shows theirs', async () => {
    // Without live changes the page hears of nothing.
    const page = await app.open('admin', {
      path: '/settings',
      prepare: (page) => page.route('**/api/live', (route) => route.abort()),
    });
    await page.getByLabel('Store name').fill('Mine');
    await page.getByLabel('Low stock threshold').fill('7');
    await app.sql.query("update catalog.settings set store_name = 'Theirs', support_email = 'a@example.com'");
    await page.keyboard.press('Control+s');
    const offer = page.getByRole('alert').filter({ hasText: 'Not saved. Somebody else changed' });
    await offer.waitFor();
    expect(await offer.textContent()).toMatch(/store name to Theirs, support email to a@example\.com/);
    expect(await offer.textContent()).toContain('You have typed in store name too.');
    expect(await storedName()).toBe('Theirs');
    expect(await accessibilityProblems(page)).toEqual([]);
    await app.picture(page, 'settings-conflict');
    await offer.getByRole('button', { name: 'Keep mine' }).click();
    expect(await page.getByLabel('Support email').inputValue()).toBe('a@example.com');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved', { exact: true }).waitFor();
    const { rows } = await app.sql.query(
      'select store_name, support_email, low_stock_threshold from catalog.settings',
    );
    expect(rows).toEqual([{ store_name: 'Mine', support_email: 'a@example.com', low_stock_threshold: 7 }]);
  });

  test('a change from elsewhere appears in a page that only looks, and is offered to a person who types', async () => {
    const viewer = await app.open('viewer', { path: '/settings' });
    const page = await app.open('admin', { path: '/settings' });
    await page.getByLabel('Store name').fill('Typed');
    await viewer.getByLabel('Store name').waitFor();
    await app.sql.query("update catalog.settings set store_name = 'By hand'");
    await expect
      .poll(() => viewer.getByLabel('Store name').inputValue(), { timeout: 30_000 })
      .toBe('By hand');
    await page.getByRole('button', { name: 'Take theirs' }).click();
    expect(await page.getByLabel('Store name').inputValue()).toBe('By hand');
  });
});

describe.each(['light', 'dark'] as const)('%s', (scheme) => {
  test.each([390, 1280, 1920])(
    'at a width of %i pixels axe finds nothing and nothing is cut off',
    async (width) => {
      const page = await app.open('admin', { scheme, width });
      for (const name of ['people', 'settings'] as const) {
        await page.goto(`${app.url}/${name}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.waitForTimeout(700);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        expect(await accessibilityProblems(page)).toEqual([]);
        await app.picture(page, `${name}-${width}-${scheme}`);
      }
    },
  );
});
