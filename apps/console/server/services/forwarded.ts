/** Every call to another service that needs nothing of the console but a sign-in. A test compares it with the roles. */
import { OPERATE_SCOPE } from '@catalog/contracts';
import type { Forwarded } from './forward.ts';
import { importCounts, importSent } from './import-notes.ts';

/** For a whole upload or export. An import of a million rows takes about a minute, and longer from a slow line. */
export const longestFile_ms = 3_600_000;
/** An audit compares every cached entry. */
const audit_ms = 600_000;

const reads = { method: 'get', service: 'catalog-read', scope: 'catalog:read', role: 'viewer' } as const;
const looksAtWrites = {
  method: 'get',
  service: 'catalog-write',
  scope: 'catalog:write',
  role: 'viewer',
  isPaced: true,
} as const;
const edits = { service: 'catalog-write', scope: 'catalog:write', role: 'editor' } as const;
const looksAtOrders = {
  method: 'get',
  service: 'orders',
  scope: 'orders:read',
  role: 'viewer',
  isPaced: true,
} as const;
const worksOnOrders = { method: 'post', service: 'orders', scope: 'orders:write', role: 'editor' } as const;
const operates = { service: 'invalidation-worker', scope: OPERATE_SCOPE } as const;

export const forwarded: readonly Forwarded[] = [
  { ...reads, path: '/api/products', to: '/v1/products', isSearch: true },
  { ...reads, path: '/api/products/facets', to: '/v1/products/facets', isSearch: true },
  {
    ...reads,
    path: '/api/products/export',
    to: '/v1/products/export',
    timeout_ms: longestFile_ms,
    longWork: 'exports',
  },
  { ...reads, path: '/api/products/popular', to: '/v1/products/popular' },
  { ...reads, path: '/api/products/by-sku/:sku', to: '/v1/products/by-sku/:sku' },
  // Before the product with an id, whose address it matches too.
  { ...looksAtWrites, path: '/api/products/last-changes', to: '/v1/products/last-changes' },
  { ...reads, path: '/api/products/:id', to: '/v1/products/:id' },
  { ...reads, path: '/api/products/:id/views', to: '/v1/products/:id/views' },
  { ...looksAtWrites, path: '/api/products/:id/history', to: '/v1/products/:id/history' },
  { ...edits, method: 'post', path: '/api/products', action: 'product.create', to: '/v1/products' },
  { ...edits, method: 'delete', path: '/api/products/:id', action: 'product.delete', to: '/v1/products/:id' },

  {
    ...edits,
    method: 'post',
    path: '/api/imports',
    action: 'product.import',
    to: '/v1/imports',
    upload: { timeout_ms: longestFile_ms },
    notes: { sent: importSent, answered: importCounts },
    longWork: 'imports',
  },
  { ...looksAtWrites, path: '/api/imports/:id', to: '/v1/imports/:id' },

  { ...reads, path: '/api/settings', to: '/v1/settings' },

  { ...looksAtOrders, path: '/api/orders', to: '/v1/orders' },
  { ...looksAtOrders, path: '/api/orders/:id', to: '/v1/orders/:id' },
  {
    ...worksOnOrders,
    path: '/api/orders/:id/complete',
    action: 'order.complete',
    to: '/v1/orders/:id/complete',
  },
  { ...worksOnOrders, path: '/api/orders/:id/cancel', action: 'order.cancel', to: '/v1/orders/:id/cancel' },
  { ...looksAtOrders, path: '/api/stock', to: '/v1/stock' },
  { ...looksAtOrders, path: '/api/stock/:sku', to: '/v1/stock/:sku' },
  {
    ...worksOnOrders,
    path: '/api/stock/:sku/adjustments',
    action: 'stock.adjust',
    to: '/v1/stock/:sku/adjustments',
  },
  { ...looksAtOrders, path: '/api/reports/sales', to: '/v1/reports/sales' },

  { ...operates, method: 'get', path: '/api/traces', to: '/v1/changes', role: 'viewer', isLook: true },
  {
    ...operates,
    method: 'get',
    path: '/api/changes/latest',
    to: '/v1/changes/latest',
    role: 'viewer',
    isLook: true,
  },
  {
    ...operates,
    method: 'get',
    path: '/api/transactions/:transaction/changes',
    to: '/v1/transactions/:transaction/changes',
    role: 'viewer',
    isLook: true,
  },
  {
    ...operates,
    method: 'post',
    path: '/api/purges',
    action: 'cache.purge',
    to: '/v1/purges',
    role: 'admin',
  },
  { ...operates, method: 'get', path: '/api/keys', to: '/v1/keys', role: 'viewer' },
  { ...operates, method: 'get', path: '/api/audits', to: '/v1/audits', role: 'viewer' },
  {
    ...operates,
    method: 'post',
    path: '/api/audits',
    action: 'cache.audit',
    to: '/v1/audits',
    role: 'admin',
    timeout_ms: audit_ms,
  },
];
