import { CatalogError } from '@catalog/contracts';
import type { Pool, PoolClient } from 'pg';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';
import { withTransaction } from '../postgres/transaction.ts';

const sql = {
  lockKey: loadSql(import.meta.url, './lock-key.sql'),
  findAnswer: loadSql(import.meta.url, './find-answer.sql'),
  storeAnswer: loadSql(import.meta.url, './store-answer.sql'),
};

export interface KeyedRequest {
  /** The kind of request, such as `create_product`. */
  readonly operation: string;
  /** Keys belong to the caller who sent them. */
  readonly subject: string;
  readonly key: string;
  /** The hash of the request's meaning. It tells a repetition from another request under the same key. */
  readonly requestHash: Buffer;
  /** See `TransactionOptions`. */
  readonly until_ms?: number;
}

/**
 * Does the work, or repeats the answer that the same caller got under the same key before. The transaction of the work
 * stores the key and its answer, and marks the key as running with an advisory lock. So a crash at any moment leaves both
 * or neither, and nothing to clean up.
 *
 * @throws CatalogError `conflict` while another request with the key runs, `idempotency_key_reused` if the key came with
 *   another body before, and the errors of `work`
 */
export async function answerOnce<Answer>(
  pool: Pool,
  request: KeyedRequest,
  work: (client: PoolClient) => Promise<Answer>,
): Promise<{ answer: Answer; repeated: boolean }> {
  const { operation, subject, key, requestHash, until_ms } = request;
  const once = async (client: PoolClient) => {
    const lock = await client.query<{ held: boolean }>(sql.lockKey, [operation, subject, key]);
    if (lock.rows[0]?.held !== true) {
      throw new CatalogError('conflict', 'A request with this Idempotency-Key is still running.', {
        retryAfterSeconds: 1,
      });
    }
    const stored = await findAnswer<Answer>(client, request);
    if (stored !== undefined) return { answer: stored, repeated: true };
    const answer = await work(client);
    await client.query(sql.storeAnswer, [operation, subject, key, requestHash, JSON.stringify(answer)]);
    return { answer, repeated: false };
  };
  return withTransaction(pool, once, { changedBy: subject, ...(until_ms !== undefined && { until_ms }) });
}

/** The stored answer; undefined if there is none. Throws CatalogError `idempotency_key_reused`. */
export async function findAnswer<Answer>(
  db: Queryable,
  { operation, subject, key, requestHash }: KeyedRequest,
): Promise<Answer | undefined> {
  const { rows } = await db.query<{ requestHash: Buffer; answer: Answer }>(sql.findAnswer, [
    operation,
    subject,
    key,
  ]);
  const [stored] = rows;
  if (stored === undefined) return undefined;
  if (stored.requestHash.equals(requestHash)) return stored.answer;
  throw new CatalogError('idempotency_key_reused', 'This Idempotency-Key was used with another body.');
}
