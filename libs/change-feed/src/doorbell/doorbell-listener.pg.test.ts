import { type RunningPart, startPart } from '@catalog/runtime';
import { eventually, tcpProxy } from '@catalog/testing';
import pg from 'pg';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { feedDatabase } from '../testing/feed-database.ts';
import { DoorbellListener } from './doorbell-listener.ts';

const feed = await feedDatabase();
const { owner } = feed;
const listeners: RunningPart[] = [];
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.stop()));
});
afterAll(() => feed[Symbol.asyncDispose]());

async function listening(databaseUrl = feed.workerUrl) {
  const heard = { rings: 0, listens: 0, errors: [] as Error[] };
  const listener = new DoorbellListener({
    databaseUrl,
    onRing: () => (heard.rings += 1),
    onListening: () => (heard.listens += 1),
    onError: (error) => heard.errors.push(error),
  });
  const running = startPart(listener);
  listeners.push(running);
  await eventually(() => heard.listens === 1);
  return { listener, running, heard };
}

const ring = () => owner.query(`select pg_notify('catalog_outbox', '')`);

/** A broken session is noticed and replaced within 5 s. */
const within = { timeout_ms: 5_000 };

async function expectToHearAgain(heard: { rings: number; listens: number }): Promise<void> {
  await eventually(() => heard.listens > 1, within);
  const before = heard.rings;
  await ring();
  await eventually(() => heard.rings > before);
}

test('the listener reports a ring, and one when it begins to listen, because it has not heard earlier rings', async () => {
  const { heard, listener } = await listening();
  expect(heard.rings).toBe(1);
  expect(listener.isListening).toBe(true);
  await ring();
  await eventually(() => heard.rings === 2);
});

test('the canary of any listener is not a ring', async () => {
  const { heard } = await listening();
  const another = await listening();
  await owner.query(`select pg_notify('catalog_outbox', 'canary of long ago')`);
  await ring();
  await eventually(() => heard.rings > 1 && another.heard.rings > 1);
  expect(heard.rings).toBe(2);
  expect(heard.errors).toEqual([]);
});

test('a killed session is replaced', async () => {
  const { heard } = await listening();
  await owner.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'doorbell' and datname = current_database()`);
  await expectToHearAgain(heard);
});

test('a session that is cut silently is noticed and replaced', async () => {
  const url = new URL(feed.workerUrl);
  await using proxy = await tcpProxy({ to: Number(url.port) });
  url.port = String(proxy.port);
  const { heard, listener } = await listening(url.href);
  proxy.blackhole();
  await eventually(() => !listener.isListening && heard.errors.length > 0, within);
  proxy.passThrough();
  await expectToHearAgain(heard);
});

test('a session that works but no longer listens is noticed and replaced', async () => {
  const connect = vi.spyOn(pg.Client.prototype, 'connect');
  const { heard } = await listening();
  const sessions = [...connect.mock.contexts] as pg.Client[];
  connect.mockRestore();
  expect(sessions).toHaveLength(1);
  await sessions[0]?.query('unlisten *');
  await expectToHearAgain(heard);
  expect(heard.errors.map(({ message }) => message)).toContainEqual(expect.stringContaining('canary'));
});

test('while Postgres refuses connections, the listener keeps trying', async () => {
  const url = new URL(feed.workerUrl);
  await using proxy = await tcpProxy({ to: Number(url.port) });
  url.port = String(proxy.port);
  const { heard } = await listening(url.href);
  proxy.refuse();
  proxy.cut();
  await eventually(() => heard.errors.length >= 4, within);
  proxy.passThrough();
  await expectToHearAgain(heard);
});

test('stopping does not wait for a network that was cut', async () => {
  const url = new URL(feed.workerUrl);
  await using proxy = await tcpProxy({ to: Number(url.port) });
  url.port = String(proxy.port);
  const { running } = await listening(url.href);
  proxy.blackhole();
  const began = performance.now();
  await running.stop();
  expect(performance.now() - began).toBeLessThan(5_000);
});
