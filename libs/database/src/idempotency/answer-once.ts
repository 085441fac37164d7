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
  /** What is asked for, such as `create_product`. */
  readonly operation: string;
  /** Keys belong to the caller who sent them. */
  readonly subject: string;
  readonly key: string;
  /** Of what the request means, to tell a repetition from another request under the same key. */
  readonly requestHash: Buffer;
  /** See `TransactionOptions`. */
  readonly until_ms?: number;
}

/**
 * Does the work, or answers what the same caller was answered under the same key before. The key is stored in the
 * transaction of the work, and an advisory lock of that transaction marks it as running: a crash at any
 * moment leaves both or neither, and nothing to clean up. Throws `conflict` while another request with
 * the key runs, `idempotency_key_reused` when it came with another body, and what `work` throws.
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

/** What was answered under the key; undefined if nothing was. Throws `idempotency_key_reused`. */
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
