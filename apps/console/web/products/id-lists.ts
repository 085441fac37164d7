import type { Product } from './product.ts';

/** The most products in one call of a service. */
const atOnce = 100;

/** The products in lists that one call each can ask about. */
export const inLists = (products: readonly Product[]): readonly (readonly Product[])[] =>
  Array.from({ length: Math.ceil(products.length / atOnce) }, (_, index) =>
    products.slice(index * atOnce, (index + 1) * atOnce),
  );
