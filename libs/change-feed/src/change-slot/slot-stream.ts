import pg, { type Connection, type Submittable } from 'pg';

type CopyConnection = Connection & { sendCopyFromChunk(chunk: Buffer): void };

/** The endless answer to START_REPLICATION. Meanwhile the session can run no other statement. */
export class SlotStream implements Submittable {
  readonly #slot: string;
  readonly #onData: (chunk: Buffer) => void;
  readonly #begun = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<never>();
  #connection: CopyConnection | undefined;

  /**
   * For `client.query` of a client with `replication: 'database'`.
   *
   * @param onData must not throw
   */
  constructor(slot: string, onData: (chunk: Buffer) => void) {
    this.#slot = slot;
    this.#onData = onData;
    // The stream may end before anybody waits for this promise. That must not be an unhandled rejection.
    this.#ended.promise.catch(() => undefined);
  }

  /** Resolves when this session holds the slot. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** Rejects when the stream ends. */
  get ended(): Promise<never> {
    return this.#ended.promise;
  }

  /**
   * Tells Postgres that it need not send changes before this position again; 0 confirms nothing. Call it several times within
   * `wal_sender_timeout`: Postgres ends a stream from which it hears nothing for that time.
   */
  confirm(position: number): void {
    const status = Buffer.alloc(34);
    status.write('r');
    // Positions written, flushed and applied. Postgres uses the flushed one.
    for (const at of [1, 9, 17]) status.writeBigUInt64BE(BigInt(position), at);
    this.#connection?.sendCopyFromChunk(status);
  }

  /** Stops reading, so that Postgres stops sending. */
  pause(): void {
    this.#connection?.stream.pause();
  }

  resume(): void {
    this.#connection?.stream.resume();
  }

  submit(connection: Connection): void {
    this.#connection = connection as CopyConnection;
    connection.once('replicationStart', () => this.#begun.resolve());
    connection.query(
      `START_REPLICATION SLOT ${pg.escapeIdentifier(this.#slot)} LOGICAL 0/0 (proto_version '1', publication_names 'catalog_changes', messages 'true')`,
    );
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    this.#onData(chunk);
  }

  handleError(error: Error): void {
    this.#ended.reject(error);
  }

  handleCommandComplete(): void {
    this.#ended.reject(new Error('Postgres has ended the stream of the change slot'));
  }

  handleReadyForQuery(): void {}
}
