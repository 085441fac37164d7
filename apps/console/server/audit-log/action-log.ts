import { loadSql, type Pool } from '@catalog/database';
import { pause } from '@catalog/runtime';
import type { Logger } from '@catalog/service-kit';

export interface Action {
  readonly username: string;
  /** Kind and verb, such as "product.update". */
  readonly action: string;
  /** An id, a key, a queue or a user name. */
  readonly target: string | undefined;
  /** The HTTP status of the answer. */
  readonly status: number;
  /** What the person sent. Never a password. */
  readonly detail?: unknown;
}

export interface StoredAction extends Omit<Action, 'target'> {
  readonly id: string;
  readonly target: string | null;
  readonly actedAt: string;
}

export interface QueuePause {
  readonly username: string;
  readonly actedAt: string;
}

export interface ActionsWanted {
  readonly before?: string | undefined;
  readonly user?: string | undefined;
  readonly kind?: string | undefined;
  readonly limit: number;
}

const insert = loadSql(import.meta.url, './sql/insert.sql');
const page = loadSql(import.meta.url, './sql/page.sql');
const lastPause = loadSql(import.meta.url, './sql/last-pause.sql');
/** The table refuses more. */
const mostTarget_chars = 300;

/** Between the tries to store an action: Postgres may be away for a moment, or busy. */
const retries_ms = [500, 1_000, 2_000, 4_000, 8_000];
/** Actions that wait for another try. More would let anybody fill the memory of the console. */
const mostWaiting = 1_000;

/** Who did what in the console. It is stored in Postgres, where the console can only add to it. */
export class ActionLog {
  readonly #pool: Pool;
  readonly #log: Logger;
  #waiting = 0;

  constructor(pool: Pool, log: Logger) {
    this.#pool = pool;
    this.#log = log;
  }

  /** Never rejects: the action has happened. The service's own log names it too, in case Postgres is away. */
  async record({ username, action, target, status, detail }: Action): Promise<void> {
    this.#log.info({ user: username, action, target, status }, 'acted');
    const about = target?.slice(0, mostTarget_chars).replaceAll('\0', '');
    const acted_ms = performance.now();
    const store = (json: string | null) =>
      this.#pool.query(insert, [
        username,
        action,
        about,
        status,
        json,
        (performance.now() - acted_ms) / 1_000,
      ]);
    const json = textOf(detail);
    for (const retry_ms of [...retries_ms, undefined]) {
      try {
        // jsonb refuses a text with a NUL or with half of a surrogate pair. The action is then stored without its detail.
        await store(json).catch((error: unknown) =>
          json === null ? Promise.reject(error as Error) : store(null),
        );
        return;
      } catch (error) {
        if (retry_ms === undefined || this.#waiting >= mostWaiting) {
          this.#log.error(
            { err: error, user: username, action, target, status },
            'an action was not recorded',
          );
          return;
        }
        this.#waiting += 1;
        await pause(retry_ms);
        this.#waiting -= 1;
      }
    }
  }

  /** Newest first, one more than `limit` if there are more. */
  async page({ before, user, kind, limit }: ActionsWanted): Promise<StoredAction[]> {
    const { rows } = await this.#pool.query<StoredAction>(page, [before, user, kind, limit + 1]);
    return rows;
  }

  /** Who paused a queue in the console, and when. Undefined if nobody did since it was last resumed. */
  async pauseOf(queue: string): Promise<QueuePause | undefined> {
    const { rows } = await this.#pool.query<QueuePause>(lastPause, [queue]);
    return rows[0];
  }
}

/** null for nothing, and for what no text can show: it may nest deeper than the stack allows. */
function textOf(detail: unknown): string | null {
  try {
    return JSON.stringify(detail) ?? null;
  } catch {
    return null;
  }
}
