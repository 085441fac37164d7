import { Client } from 'pg';
import { directConnection, endAtOnce } from '../doorbell/direct-connection.ts';

/** Must be the number that `catalog.ring_doorbell` tries. */
const LOCK = 7_236_001;

/**
 * The advisory lock that keeps the doorbell silent while the relay is awake.
 *
 * It is asked for waiting: a writer tries to share it when it writes and fails behind a waiter, so the wait is short,
 * where trying would starve. From the moment it is asked for until it is released, writers may not ring, and the
 * relay has to look by itself; after that too, until those who were refused have ended their transactions.
 */
export class AwakeLock {
  readonly #databaseUrl: string;
  readonly #onError: (error: Error) => void;
  #client: Client | undefined;
  #request: Promise<void> | undefined;
  #release: Promise<void> | undefined;
  #held = false;
  #isDenied = false;

  constructor(databaseUrl: string, onError: (error: Error) => void) {
    this.#databaseUrl = databaseUrl;
    this.#onError = onError;
  }

  get isHeld(): boolean {
    return this.#held;
  }

  /** Asked for, and not answered yet: writers may be kept from ringing. */
  get isRequested(): boolean {
    return this.#request !== undefined;
  }

  /** Whether writers may be refused the bell on account of this relay. */
  get isSilencing(): boolean {
    return this.#held || this.#request !== undefined || this.#release !== undefined;
  }

  /** Asked for last, and somebody else holds it. */
  get isDenied(): boolean {
    return this.#isDenied;
  }

  /** Asks for the lock, unless it is held or asked for already; answers at once. */
  request(): void {
    if (this.#held) return;
    this.#request ??= this.#acquire().finally(() => {
      this.#request = undefined;
    });
  }

  /**
   * Lets writers ring again. Nobody waits for the answer: on a connection that is cut without a word it would not come,
   * and the relay has to go on looking.
   */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    const client = this.#client;
    this.#release = client
      ?.query('select pg_advisory_unlock($1)', [LOCK])
      .catch((error: unknown) => this.#drop(client, error))
      .then(() => {
        this.#release = undefined;
      });
  }

  async stop(): Promise<void> {
    await this.#request;
    const client = this.#client;
    this.#client = undefined;
    this.#held = false;
    if (client !== undefined) await endAtOnce(client);
  }

  async #acquire(): Promise<void> {
    let client: Client | undefined;
    try {
      client = await this.#connected();
      await client.query('select pg_advisory_lock($1)', [LOCK]);
      this.#held = this.#client === client;
      this.#isDenied = false;
    } catch (error) {
      // 55P03: another session holds it and keeps the bell silent; this relay goes on looking by itself.
      this.#isDenied = (error as { code?: string }).code === '55P03';
      if (!this.#isDenied) this.#drop(client, error);
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new Client({
      ...directConnection(this.#databaseUrl, 'relay awake lock'),
      lock_timeout: 250,
      query_timeout: 1_000,
    });
    client.on('error', (error) => this.#drop(client, error));
    await client.connect();
    this.#client = client;
    return client;
  }

  /** Postgres frees the lock with the session. */
  #drop(client: Client | undefined, error: unknown): void {
    this.#onError(error instanceof Error ? error : new Error(String(error)));
    if (client === undefined || client !== this.#client) return;
    this.#client = undefined;
    this.#held = false;
    void endAtOnce(client);
  }
}
