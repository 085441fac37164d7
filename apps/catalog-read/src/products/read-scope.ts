/** The scope of every read of products. */
export const readScope = 'catalog:read';
