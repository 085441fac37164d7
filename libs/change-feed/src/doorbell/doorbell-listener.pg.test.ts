import { eventually, tcpProxy } from '@catalog/testing';
import pg from 'pg';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { feedDatabase } from '../testing/feed-database.ts';
import { DoorbellListener } from './doorbell-listener.ts';

const feed = await feedDatabase();
const { owner } = feed;
const listeners: DoorbellListener[] = [];
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
  listeners.push(listener);
  listener.start();
  await eventually(() => heard.listens === 1);
  return { listener, heard };
}

const ring = () => owner.query(`select pg_notify('catalog_outbox', '')`);

/** What was promised: noticed within 5 s, and listening again. */
const within = { timeout_ms: 5_000 };

async function expectToHearAgain(heard: { rings: number; listens: number }): Promise<void> {
  await eventually(() => heard.listens > 1, within);
  const before = heard.rings;
  await ring();
  await eventually(() => heard.rings > before);
}

test('a ring is heard, and so is the beginning of listening: what was rung before it was not', async () => {
  const { heard, listener } = await listening();
  expect(heard.rings).toBe(1);
  expect(listener.isListening).toBe(true);
  await ring();
  await eventually(() => heard.rings === 2);
});

test('canaries are nobody at the door, whoever sings them', async () => {
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

test('a session that is cut without a word is noticed and replaced', async () => {
  const url = new URL(feed.workerUrl);
  await using proxy = await tcpProxy({ to: Number(url.port) });
  url.port = String(proxy.port);
  const { heard, listener } = await listening(url.href);
  proxy.blackhole();
  await eventually(() => !listener.isListening && heard.errors.length > 0, within);
  proxy.passThrough();
  await expectToHearAgain(heard);
});

test('a session that listens no more, while all else works on it, is noticed and replaced', async () => {
  const connect = vi.spyOn(pg.Client.prototype, 'connect');
  const { heard } = await listening();
  const sessions = [...connect.mock.contexts] as pg.Client[];
  connect.mockRestore();
  expect(sessions).toHaveLength(1);
  await sessions[0]?.query('unlisten *');
  await expectToHearAgain(heard);
  expect(heard.errors.map(({ message }) => message)).toContainEqual(expect.stringContaining('canary'));
});

test('while Postgres refuses, it goes on trying', async () => {
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

test('stopping does not wait for a network that is gone', async () => {
  const url = new URL(feed.workerUrl);
  await using proxy = await tcpProxy({ to: Number(url.port) });
  url.port = String(proxy.port);
  const { listener } = await listening(url.href);
  proxy.blackhole();
  const began = performance.now();
  await listener.stop();
  expect(performance.now() - began).toBeLessThan(5_000);
});
