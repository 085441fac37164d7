/** The reference at `/docs`, as a person uses it in a real Chromium. */
import { createTestTokens } from '@catalog/testing';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { authenticate } from '../auth/authenticate.ts';
import { startTestService, type TestService } from '../http/service.fixture.ts';
import { createApi } from '../routes/api.ts';
import { route } from '../routes/route.ts';

// A browser on a busy machine is slow.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const example = { size: 7 };
const sizeSchema = z.strictObject({ size: z.int().min(1).max(9).describe('How large.') });
const routes = [
  route({
    method: 'put',
    path: '/v1/things/{name}',
    summary: 'Store a thing',
    description: 'Says *what* it has stored.',
    scope: 'things:write',
    params: z.strictObject({
      name: z
        .string()
        .max(40)
        .meta({ description: 'Its name.', examples: ['lamp'] }),
    }),
    query: z.strictObject({ mode: z.enum(['fast', 'safe']).default('safe') }),
    body: { schema: sizeSchema, example },
    answers: { 200: { description: 'Stored.', schema: sizeSchema } },
    handle({ body, params: { name } }, res) {
      stored.push([name, body]);
      res.json(body);
    },
  }),
];

const stored: unknown[] = [];
let service: TestService;
let browser: Browser;
let tokens: Awaited<ReturnType<typeof createTestTokens>>;
beforeAll(async () => {
  tokens = await createTestTokens();
  service = await startTestService({
    create: (deps) =>
      createApi({
        ...deps,
        service: 'things',
        description: 'Things.',
        routes,
        authenticate: authenticate({ jwksFile: tokens.jwksFile, audience: 'things' }),
      }),
  });
  // `npm test` sets CHROMIUM. When this file runs alone, it tries the Chromium of Debian.
  browser = await chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium' });
});
afterAll(async () => {
  await browser?.close();
  await service?.[Symbol.asyncDispose]();
  await tokens?.[Symbol.asyncDispose]();
});

test('a person reads parameters, limits and examples, gets a token, and tries a call, with no other host', async () => {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(service.url) && !url.startsWith('data:')) complaints.push(`another host: ${url}`);
  });

  await page.goto(`${service.url}/docs`);
  await page.getByText('npm run --silent token -- --scope "things:write" --aud things').waitFor();
  await page
    .getByRole('button', { name: /PUT.*\/v1\/things/ })
    .first()
    .click();
  await page.getByText('Says what it has stored.').waitFor();
  const call = page.locator('.opblock');
  const shown = await call.innerText();
  for (const text of ['Scope: things:write', 'Its name.', 'Store a thing', '"size": 7', 'fast'])
    expect(shown).toContain(text);
  expect(shown).toMatch(/maxLength\W+40/);

  await page.getByRole('button', { name: 'Authorize' }).first().click();
  await page
    .getByRole('textbox', { name: /auth/i })
    .fill(tokens.sign({ aud: 'things', sub: 'person', scope: 'things:write' }));
  await page
    .locator('.auth-btn-wrapper')
    .getByRole('button', { name: /authorize|apply/i })
    .click();
  await page.getByRole('button', { name: 'Close' }).last().click();

  await call.getByRole('button', { name: 'Try it out' }).click();
  await call.getByRole('button', { name: 'Execute' }).click();
  await expect.poll(() => stored, { timeout: 20_000 }).toEqual([['lamp', example]]);
  expect(complaints).toEqual([]);
});
