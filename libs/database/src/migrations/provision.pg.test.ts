import { type PostgresServer, startPostgres } from '@catalog/testing';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectionWarning } from '../postgres/connection-limit.ts';
import { migrate } from './migrate.ts';
import { provisionLogins } from './provision.ts';

/** Its own, with so few connections that a test can use them up. */
let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ config: { max_connections: '20' } });
  await migrate(server.url);
  await provisionLogins(server.url, { catalog_read: 'p', catalog_write: 'p' });
});
afterAll(() => server?.stop());
/** A third of 20. */
const share = 6;

async function connectedAs(role: string) {
  const url = new URL(server.url);
  Object.assign(url, { username: role, password: 'p' });
  const client = new Client({ connectionString: url.href });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

test('a role at its limit of connections leaves the others and the operators theirs', async () => {
  const readers = await Promise.all(Array.from({ length: share }, () => connectedAs('catalog_read')));
  try {
    await expect(connectedAs('catalog_read')).rejects.toMatchObject({ code: '53300' });
    await using other = await connectedAs('catalog_write');
    expect((await other.query('select 1')).rowCount).toBe(1);
    // The owner can still change a password.
    await provisionLogins(server.url, { catalog_write: 'p' });
  } finally {
    await Promise.all(readers.map((reader) => reader.end()));
  }
});

test('pools that do not fit into the limit of their role are named with their numbers', async () => {
  await using reader = await connectedAs('catalog_read');
  expect(await connectionWarning(reader, { processes: 2, each: 3 })()).toBeUndefined();
  const problem = await connectionWarning(reader, { processes: 3, each: 3 })();
  expect(problem).toContain('3 processes with 3 connections each need 9');
  expect(problem).toContain('the role catalog_read may have 6');
});
