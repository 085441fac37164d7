/** Commands on a running stack, as a person types them. */
import { stackPlace, startLocalStack, type LocalStack, type StackPlace } from '@catalog/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { services } from '../service-table.ts';
import { judge } from './doctor.ts';
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

test('the doctor finds nothing wrong with a stack that works', async () => {
  const [code, said] = await startCommand(place, 'doctor').result;
  for (const { name } of services) expect(said).toMatch(new RegExp(`✔ ${name} +is ready on port \\d+`));
  expect(said).toMatch(/✔ postgres +\d+ of \d+ connections are in use, \d+ changes wait/);
  expect(said).not.toContain('✖');
  expect(code).toBe(0);
});

test('the doctor names a service that hangs, and a transaction that was left open', async () => {
  const { orders: pid = 0 } = await stack.pids();
  process.kill(pid, 'SIGSTOP');
  try {
    const [code, said] = await startCommand(place, 'doctor').result;
    expect(said).toMatch(/✖ orders +does not answer within 3 s\n +Its log: .*orders\.log/);
    expect(said).toMatch(/✔ catalog-read +is ready/);
    expect(code).toBe(1);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  const findings = judge({
    is_standby: false,
    connections: 95,
    most_connections: 100,
    transaction_s: 61,
    transaction_of: 'psql',
    transaction_pid: 7,
    waiting: 0,
  });
  expect(findings.map(({ text }) => text)).toEqual([
    '95 of 100 connections are in use',
    'a transaction of "psql" has been open for 61 s (pid 7)',
  ]);
});

test('the doctor says that no stack runs, and exits with 1', async () => {
  await using empty = await stackPlace();
  const [code, said] = await startCommand(empty, 'doctor').result;
  expect(said).toMatch(/✖ stack +No stack runs here\.\n +Start it: npm start/);
  expect(code).toBe(1);
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
