export * from './changes.ts';
export * from './entities.ts';
export * from './errors.ts';
export * from './gtin.ts';
export * from './imports.ts';
export * from './product.ts';
export * from './settings.ts';
export * from './timings.ts';
