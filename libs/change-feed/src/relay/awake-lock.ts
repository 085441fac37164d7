import { confirmPrimary, requireDirect } from '@catalog/database';
import { Client } from 'pg';
import { closeSession, directConnection } from '../doorbell/direct-connection.ts';

export interface AwakeLockOptions {
  /** A direct connection: an advisory lock belongs to a session. */
  readonly databaseUrl: string;
  readonly onError: (error: Error) => void;
}

/**
 * The advisory lock that keeps the doorbell silent while the relay is awake.
 *
 * The relay waits for the lock. A writer only tries to share it, and fails while a relay waits, so the wait is short. A relay
 * that only tried would starve. A writer that fails does not ring. So from its request until the release the relay must look by
 * itself, and go on looking until the transactions that failed have ended.
 */
export class AwakeLock {
  readonly #options: AwakeLockOptions;
  #client: Client | undefined;
  #request: Promise<void> | undefined;
  #release: Promise<void> | undefined;
  #isHeld = false;
  #isDenied = false;

  constructor(options: AwakeLockOptions) {
    this.#options = options;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Whether a request is under way. It may already keep writers from ringing. */
  get isRequested(): boolean {
    return this.#request !== undefined;
  }

  /** Whether this relay may keep writers from ringing. */
  get isSilencing(): boolean {
    return this.#isHeld || this.#request !== undefined || this.#release !== undefined;
  }

  /** Whether another session had the lock at the last request. */
  get isDenied(): boolean {
    return this.#isDenied;
  }

  /** Asks for the lock, unless it is held or requested. Returns at once. */
  request(): void {
    if (this.#isHeld) return;
    this.#request ??= this.#acquire().finally(() => {
      this.#request = undefined;
    });
  }

  /**
   * Lets writers ring again. Returns at once: on a connection that was cut, the answer would not come, and the relay has to go
   * on looking.
   */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    const client = this.#client;
    this.#release = client
      ?.query('select catalog.release_awake_lock()')
      .catch((error: unknown) => this.#drop(client, error))
      .then(() => {
        this.#release = undefined;
      });
  }

  /** Gives up the session: Postgres is in another incarnation, and this session may be on a server that all others have left. */
  replaceSession(): void {
    if (this.#client !== undefined) this.#drop(this.#client, new Error('Postgres is in another incarnation'));
  }

  /** Closes the session, which frees the lock. A later request opens a new one. */
  async close(): Promise<void> {
    await this.#request;
    const client = this.#client;
    this.#client = undefined;
    this.#isHeld = false;
    if (client !== undefined) await closeSession(client);
  }

  async #acquire(): Promise<void> {
    let client: Client | undefined;
    try {
      client = await this.#connected();
      // A client runs one query at a time.
      await this.#release;
      await client.query('select catalog.acquire_awake_lock()');
      this.#isHeld = this.#client === client;
      this.#isDenied = false;
    } catch (error) {
      // 55P03: another session holds it and keeps the doorbell silent. This relay goes on looking by itself.
      this.#isDenied = (error as { code?: string }).code === '55P03';
      if (!this.#isDenied) this.#drop(client, error);
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new Client({
      ...directConnection(this.#options.databaseUrl, 'relay awake lock'),
      lock_timeout: 250,
      query_timeout: 1_000,
    });
    client.on('error', (error) => this.#drop(client, error));
    await client.connect();
    try {
      await requireDirect(client);
      // A standby gives the lock as well, but there it keeps no writer silent.
      await confirmPrimary(client);
    } catch (error) {
      void closeSession(client);
      throw error;
    }
    this.#client = client;
    return client;
  }

  /** Gives up the session. Postgres frees the lock with it. */
  #drop(client: Client | undefined, error: unknown): void {
    this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    if (client === undefined || client !== this.#client) return;
    this.#client = undefined;
    this.#isHeld = false;
    void closeSession(client);
  }
}
