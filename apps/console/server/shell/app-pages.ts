/** The pages of the app by address. `web/router.tsx` has the same; a test compares them. */
import { parseCacheKey, PRODUCT, type UserRole } from '@catalog/contracts';
import { actionsAddress, auditSearch } from '../../web/pages/audit-log/search.ts';
import { latestChangesAddress } from '../../web/pages/changes/addresses.ts';
import {
  auditsAddress,
  cachedAddress,
  holdersAddress,
  readersAddress,
  tracesAddress,
} from '../../web/pages/keys/addresses.ts';
import { ordersAddress, ordersSearch } from '../../web/pages/orders/search.ts';
import { facetsAddress, listAddress, productsSearch } from '../../web/pages/products/search.ts';

export interface Visit {
  /** Of the address, encoded. */
  readonly id: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly role: UserRole;
}

export interface AppPage {
  /** Its file below `web/`. */
  readonly file: string;
  /** The addresses that it asks first, spelled as it spells them: the browser matches them letter by letter. */
  readonly asks: (visit: Visit) => readonly string[];
}

const nothing = (): readonly string[] => [];
const system = ['/api/state', '/api/series?span=15m'];

export const appPages: Readonly<Record<string, AppPage>> = {
  '/': { file: 'pages/overview/overview.tsx', asks: () => [...system, latestChangesAddress] },
  '/products': {
    file: 'pages/products/products.tsx',
    asks({ query }) {
      const search = productsSearch(query);
      return [listAddress(search), facetsAddress(search), '/api/settings'];
    },
  },
  '/products/new': { file: 'pages/product/new-product.tsx', asks: nothing },
  '/products/:id': {
    file: 'pages/product/product.tsx',
    asks: ({ id }) => [
      `/api/products/${id}`,
      `/api/products/${id}/history?limit=100`,
      `/api/products/${id}/views`,
    ],
  },
  '/changes': { file: 'pages/changes/changes.tsx', asks: () => [latestChangesAddress] },
  '/keys': {
    file: 'pages/keys/keys.tsx',
    asks({ query: { key, job } }) {
      if (typeof key !== 'string' || key === '') return job === undefined ? [auditsAddress()] : [];
      const parsed = parseCacheKey(key);
      if (parsed === undefined) return [];
      const cached = cachedAddress(key);
      const held = cached === undefined ? holdersAddress(key) : readersAddress(cached);
      const product =
        parsed.entity === PRODUCT && cached !== undefined ? [cached, `${cached}/history?limit=100`] : [];
      return [held, auditsAddress(key), tracesAddress(key), ...product];
    },
  },
  '/orders': {
    file: 'pages/orders/orders.tsx',
    asks: ({ query }) => [ordersAddress(ordersSearch(query)), '/api/reports/sales'],
  },
  '/orders/:id': { file: 'pages/orders/order.tsx', asks: ({ id }) => [`/api/orders/${id}`] },
  '/import': { file: 'pages/import/import.tsx', asks: nothing },
  '/audit-log': {
    file: 'pages/audit-log/audit-log.tsx',
    asks: ({ query }) => [actionsAddress(auditSearch(query))],
  },
  '/people': {
    file: 'pages/people/people.tsx',
    asks: ({ role }) => ['/api/sessions', ...(role === 'admin' ? ['/api/users'] : [])],
  },
  '/settings': { file: 'pages/settings/settings.tsx', asks: () => ['/api/settings'] },
  '/break-it': { file: 'pages/break-it/break-it.tsx', asks: () => ['/api/break-it', ...system] },
};
