/** Takes Postgres away from all services: it ends their sessions and refuses new ones until it is disposed. */
import { Client } from 'pg';
import type { System } from './system.ts';

export async function refuseSessions({ stack }: System): Promise<AsyncDisposable> {
  const url = new URL(await stack.databaseUrl());
  url.pathname = '/postgres';
  const outside = new Client({ connectionString: url.href });
  await outside.connect();
  await outside.query('alter database catalog allow_connections false');
  await outside.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'catalog'");
  return {
    async [Symbol.asyncDispose]() {
      await outside.query('alter database catalog allow_connections true');
      await outside.end();
    },
  };
}
