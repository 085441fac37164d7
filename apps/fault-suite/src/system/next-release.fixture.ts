/** A reader imports this before its own code. It then acts like the next release, which renames `name` to `label`. */
import { PRODUCT } from '@catalog/contracts';

Object.assign(PRODUCT, { payloadSchema: PRODUCT.payloadSchema + 1 });

const { stringify } = JSON;
JSON.stringify = (value: unknown, ...rest: unknown[]) => {
  const isProduct = typeof value === 'object' && value !== null && 'sku' in value && 'priceMinor' in value;
  if (!isProduct || !('name' in value)) return stringify(value, ...(rest as []));
  const { name: label, ...others } = value;
  return stringify({ label, ...others }, ...(rest as []));
};
