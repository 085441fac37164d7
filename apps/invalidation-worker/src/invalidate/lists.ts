import { PRODUCT } from '@catalog/contracts';

/** Entities whose changes end the pages of a list. */
export const listsOf: Readonly<Record<string, string>> = { [PRODUCT.name]: 'products' };
