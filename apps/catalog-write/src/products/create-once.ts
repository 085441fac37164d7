import { createHash } from 'node:crypto';
import { writableProductFields, type Product, type ProductCreate } from '@catalog/contracts';
import { answerOnce, insertProduct, type Pool } from '@catalog/database';

/** Creates the product, or repeats the answer that this caller already got with this key. See `answerOnce`. */
export async function createOnce(
  pool: Pool,
  {
    subject,
    key,
    product,
    until_ms,
  }: { subject: string; key: string; product: ProductCreate; until_ms: number },
): Promise<{ product: Product; repeated: boolean }> {
  const request = { operation: 'create_product', subject, key, requestHash: hashOf(product), until_ms };
  const { answer, repeated } = await answerOnce(pool, request, (client) => insertProduct(client, product));
  return { product: answer, repeated };
}

/** Requests with the same meaning have the same hash: the order of fields and explicit defaults do not matter. */
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
