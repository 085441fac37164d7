/** Commands on a running stack, as a person types them. */
import { stackPlace, startLocalStack, type LocalStack, type StackPlace } from '@catalog/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { services } from '../service-table.ts';
import { startCommand } from '../testing/run-command.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

let place: StackPlace;
let stack: LocalStack;
beforeAll(async () => {
  place = await stackPlace();
  stack = await startLocalStack(place);
});
afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
});

test('sql prints every row, although a pipe holds 64 KiB', async () => {
  const [code, said] = await startCommand(place, 'sql', 'select id from catalog.products').result;
  expect(code).toBe(0);
  expect(said.match(/^[0-9a-f-]{36}$/gm)).toHaveLength(7_975);
  expect(said.trimEnd()).toMatch(/SELECT 7975$/);
});

test('sql alone explains itself', async () => {
  const [code, said] = await startCommand(place, 'sql').result;
  expect(code).toBe(1);
  expect(said).toContain('No statement was given');
  expect(said).toContain('npm run sql -- "select');
  expect(said).not.toMatch(/^ +at /m);
});

test('the scopes of each service in the table are those that its routes ask for', async () => {
  for (const { name, asksFor } of services) {
    if (name === 'console') continue;
    const document = (await (await fetch(`${stack.url(name)}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { security: { serviceToken: string[] }[] }>>;
    };
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    const asked = operations.flatMap(({ security }) => security.flatMap(({ serviceToken }) => serviceToken));
    expect([name, [...new Set(asked)].toSorted()]).toEqual([name, asksFor.toSorted()]);
  }
});
