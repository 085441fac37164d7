import { repeat } from '@catalog/runtime';
import { Client } from 'pg';
import { sessionOptions } from '../postgres/session.ts';
import { loadSql } from '../postgres/sql.ts';

const sql = loadSql(import.meta.url, './blockers.sql');

/** A session that holds a lock which a migration waits for. */
export interface Blocker {
  readonly pid: number;
  readonly user: string;
  readonly application: string;
  readonly state: string;
  /** null: it has no open transaction. */
  readonly open_s: number | null;
  readonly query: string;
}

/** Sees who blocks a session, from a connection of its own: the blocked one cannot ask. */
export class BlockerWatch implements AsyncDisposable {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async open(url: string): Promise<BlockerWatch> {
    const client = new Client({
      connectionString: url,
      application_name: 'catalog-migrate-watch',
      connectionTimeoutMillis: 10_000,
      options: sessionOptions,
    });
    // A broken watch costs the names of the blockers, not the migration.
    client.on('error', () => {});
    await client.connect();
    return new BlockerWatch(client);
  }

  /** Runs `work`, which may wait for locks in session `pid`. Returns its error, and who blocked it last. */
  async during(
    pid: number,
    work: () => Promise<void>,
    every_ms: number,
  ): Promise<{ readonly error: Error | undefined; readonly blockers: readonly Blocker[] }> {
    let blockers: readonly Blocker[] = [];
    const end = new AbortController();
    const look = async () => {
      const { rows } = await this.#client.query<Blocker>(sql, [pid]);
      if (rows.length > 0) blockers = rows;
    };
    const watching = repeat(look, { every_ms, signal: end.signal, onError: () => {} });
    let error: Error | undefined;
    try {
      await work();
    } catch (failure) {
      error = failure instanceof Error ? failure : new Error(String(failure));
    } finally {
      end.abort();
      await watching;
    }
    return { error, blockers };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end();
  }
}

/** One sentence for an error or a log. */
export function describeBlockers(blockers: readonly Blocker[]): string {
  if (blockers.length === 0) return 'another session holds a lock that it needs';
  return blockers
    .map(
      ({ pid, user, application, state, open_s, query }) =>
        `session ${pid} (${application} as ${user}, ${state}, transaction open for ${open_s ?? 0} s) holds a lock that it needs; its statement: ${query}`,
    )
    .join('; ');
}
