import { createHash } from 'node:crypto';
import { CatalogError, writableProductFields, type Product, type ProductCreate } from '@catalog/contracts';
import { insertProduct, loadSql, withTransaction, type Pool, type PoolClient } from '@catalog/database';

const sql = {
  lockKey: loadSql(import.meta.url, './lock-key.sql'),
  findAnswer: loadSql(import.meta.url, './find-answer.sql'),
  storeAnswer: loadSql(import.meta.url, './store-answer.sql'),
};

/**
 * Creates the product, or answers what the same caller was answered under the same key before. The key is stored in
 * the transaction of the product, and an advisory lock of that transaction marks it as running: a crash at any
 * moment leaves both or neither, and nothing to clean up. Throws `conflict` while another request with
 * the key runs, `idempotency_key_reused` when it came with another body, and what `insertProduct` throws.
 */
export async function createOnce(
  pool: Pool,
  request: { subject: string; key: string; product: ProductCreate },
): Promise<{ product: Product; repeated: boolean }> {
  const { subject, key } = request;
  const requestHash = hashOf(request.product);
  const create = async (client: PoolClient) => {
    const lock = await client.query<{ held: boolean }>(sql.lockKey, [subject, key]);
    if (lock.rows[0]?.held !== true) {
      throw new CatalogError('conflict', 'A request with this Idempotency-Key is still running.', {
        retryAfterSeconds: 1,
      });
    }
    const found = await client.query<{ requestHash: Buffer; answer: Product }>(sql.findAnswer, [
      subject,
      key,
    ]);
    const [stored] = found.rows;
    if (stored !== undefined) {
      if (stored.requestHash.equals(requestHash)) return { product: stored.answer, repeated: true };
      throw new CatalogError('idempotency_key_reused', 'This Idempotency-Key was used with another body.');
    }
    const product = await insertProduct(client, request.product);
    await client.query(sql.storeAnswer, [subject, key, requestHash, product.id, JSON.stringify(product)]);
    return { product, repeated: false };
  };
  return withTransaction(pool, create, { changedBy: subject });
}

/** Of what the request means, not of how it was written: fields in any order and left out defaults are the same. */
function hashOf(product: ProductCreate): Buffer {
  const fields = writableProductFields.map((field) => [
    field,
    field === 'attributes' ? sorted(product.attributes) : product[field],
  ]);
  return createHash('sha256').update(JSON.stringify(fields)).digest();
}

function sorted(attributes: ProductCreate['attributes']): unknown {
  return Object.entries(attributes).sort(([one], [other]) => (one < other ? -1 : 1));
}
