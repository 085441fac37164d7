/** Imported by a reader before its own code: makes it one of the next release, which calls the name of a product its label. */
import { PRODUCT } from '@catalog/contracts';

Object.assign(PRODUCT, { payloadSchema: PRODUCT.payloadSchema + 1 });

const { stringify } = JSON;
JSON.stringify = (value: unknown, ...rest: unknown[]) => {
  const isProduct = typeof value === 'object' && value !== null && 'sku' in value && 'priceMinor' in value;
  if (!isProduct || !('name' in value)) return stringify(value, ...(rest as []));
  const { name: label, ...others } = value;
  return stringify({ label, ...others }, ...(rest as []));
};
