import { Client } from 'pg';

/** Must be the number that `catalog.ring_doorbell` tries. */
const LOCK = 7_236_001;

/**
 * The advisory lock that keeps the doorbell silent while the relay is awake.
 *
 * It is asked for waiting: a writer tries to share it at commit and fails behind a waiter, so the wait is short,
 * where trying would starve. From the moment it is asked for until it is released, writers may not ring, and the
 * relay has to look by itself.
 */
export class AwakeLock {
  readonly #databaseUrl: string;
  readonly #onError: (error: Error) => void;
  #client: Client | undefined;
  #request: Promise<void> | undefined;
  #held = false;

  constructor(databaseUrl: string, onError: (error: Error) => void) {
    this.#databaseUrl = databaseUrl;
    this.#onError = onError;
  }

  /** Asks for the lock, unless it is held or asked for already; answers at once. */
  request(): void {
    if (this.#held) return;
    this.#request ??= this.#acquire().finally(() => {
      this.#request = undefined;
    });
  }

  /** Lets writers ring again; ends a wait that is still going on. */
  async release(): Promise<void> {
    await this.#request;
    if (!this.#held) return;
    this.#held = false;
    try {
      await this.#client?.query('select pg_advisory_unlock($1)', [LOCK]);
    } catch (error) {
      this.#drop(error);
    }
  }

  async stop(): Promise<void> {
    await this.#request;
    await this.#client?.end().catch(() => undefined);
    this.#client = undefined;
    this.#held = false;
  }

  async #acquire(): Promise<void> {
    try {
      const client = await this.#connected();
      await client.query('select pg_advisory_lock($1)', [LOCK]);
      this.#held = this.#client === client;
    } catch (error) {
      // 55P03: another relay holds it and keeps the bell silent; this one goes on looking by itself.
      if ((error as { code?: string }).code !== '55P03') this.#drop(error);
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new Client({
      connectionString: this.#databaseUrl,
      application_name: 'relay awake lock',
      keepAlive: true,
      lock_timeout: 250,
      connectionTimeoutMillis: 1_000,
      query_timeout: 2_000,
    });
    client.on('error', (error) => this.#drop(error));
    await client.connect();
    this.#client = client;
    return client;
  }

  /** Postgres frees the lock with the session. */
  #drop(error: unknown): void {
    const client = this.#client;
    this.#client = undefined;
    this.#held = false;
    client?.end().catch(() => undefined);
    this.#onError(error instanceof Error ? error : new Error(String(error)));
  }
}
