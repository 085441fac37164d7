/** A change as the slot carries it. It has no row in the outbox yet. */
export interface SlotChange {
  readonly entity: string;
  readonly key: string;
  readonly version: number;
  /** The last 32 bits of the id of its transaction. */
  readonly transaction: number;
  /** In ms since 1970. */
  readonly committedAt_ms: number;
}

/** Everything that was committed before a milestone comes before it in the slot. */
export interface Milestone {
  /** Position in the write-ahead log, in bytes. */
  readonly position: number;
  /** In seconds since 1970, by the clock of Postgres. */
  readonly writtenAt_s: number;
}

interface SlotMessagesOptions {
  readonly onChange: (change: SlotChange) => void;
  readonly onMilestone: (milestone: Milestone) => void;
}

/** The prefixes that `catalog.emit_change` and `catalog.write_milestone` give to messages. */
const CHANGE = 'catalog';
const MILESTONE = 'catalog milestone';

/** Each message of a replication connection begins with 25 bytes: a letter, two positions and a time. */
const header = 25;
/** Postgres counts time from the year 2000. */
const epoch_ms = Date.UTC(2000);

const letter = (text: string): number => text.charCodeAt(0);
const [DATA, BEGIN, MESSAGE] = [letter('w'), letter('B'), letter('M')];

/**
 * Reads the messages of a replication connection in the format of pgoutput. Transactions come one after the other, in the order of
 * their commits.
 *
 * https://www.postgresql.org/docs/18/protocol-replication.html
 * https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
 */
export class SlotMessages {
  readonly #options: SlotMessagesOptions;
  #transaction = 0;
  #committedAt_ms = 0;

  constructor(options: SlotMessagesOptions) {
    this.#options = options;
  }

  /** @throws RangeError for a message of ours that is neither a change nor a milestone */
  read(chunk: Buffer): void {
    if (chunk[0] !== DATA) return;
    if (chunk[header] === BEGIN) {
      this.#committedAt_ms = epoch_ms + Number(chunk.readBigInt64BE(header + 9)) / 1_000;
      this.#transaction = chunk.readUInt32BE(header + 17);
    } else if (chunk[header] === MESSAGE) this.#readMessage(chunk);
  }

  #readMessage(chunk: Buffer): void {
    const isTransactional = chunk[header + 1] === 1;
    const nameAt = header + 10;
    const nameEnd = chunk.indexOf(0, nameAt);
    const name = chunk.toString('latin1', nameAt, nameEnd);
    // The slot also carries the messages of other programs.
    if (name !== (isTransactional ? CHANGE : MILESTONE)) return;
    const content = chunk.toString('utf8', nameEnd + 5);
    if (isTransactional) this.#options.onChange(this.#changeOf(content));
    else {
      const position = Number(chunk.readBigUInt64BE(header + 2));
      this.#options.onMilestone({ position, writtenAt_s: numberOf(content) });
    }
  }

  /** @param content version, entity and key, separated by blanks. A key may contain blanks too. */
  #changeOf(content: string): SlotChange {
    const [, version = '', entity = '', key = ''] = changePattern.exec(content) ?? [];
    return {
      version: numberOf(version),
      entity,
      key,
      transaction: this.#transaction,
      committedAt_ms: this.#committedAt_ms,
    };
  }
}

/** The lengths are those of `catalog.outbox`. */
const changePattern = /^(\d{1,16}) (\S{1,63}) (.{1,512})$/su;

function numberOf(text: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text))
    throw new RangeError('the change slot has a message that is neither a change nor a milestone');
  return Number(text);
}
