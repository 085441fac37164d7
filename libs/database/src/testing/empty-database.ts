import { createTestDatabase } from '@catalog/testing';
import type { Pool } from 'pg';
import { createPool } from '../postgres/pool.ts';

export interface EmptyDatabase extends AsyncDisposable {
  readonly url: string;
  readonly pool: Pool;
}

/** A database of its own, without migrations. */
export async function emptyDatabase(): Promise<EmptyDatabase> {
  const database = await createTestDatabase();
  const pool = createPool({ url: database.url, applicationName: 'test' });
  return {
    url: database.url,
    pool,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database[Symbol.asyncDispose]();
    },
  };
}
