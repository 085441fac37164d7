import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type ErrorComponentProps,
} from '@tanstack/react-router';
import { Empty, Failed } from './elements/states.tsx';
import { auditSearch } from './pages/audit-log/search.ts';
import { ordersSearch } from './pages/orders/search.ts';
import { productsSearch } from './pages/products/search.ts';
import { AppShell } from './shell/app-shell.tsx';
import { withCommand } from './shell/command-key.ts';

const root = createRootRoute({
  component: AppShell,
  notFoundComponent: () => (
    <Empty title="There is no such page.">Use the navigation, or press {withCommand('K')}.</Empty>
  ),
  errorComponent: ({ error, reset }: ErrorComponentProps) => <Failed error={error} again={reset} />,
});
const under = { getParentRoute: () => root };

/** Each page is a file of its own, so that the first one loads fast. The server knows the same addresses. */
const routes = [
  createRoute({
    ...under,
    path: '/',
    component: lazyRouteComponent(() => import('./pages/overview/overview.tsx'), 'Overview'),
  }),
  createRoute({
    ...under,
    path: '/products',
    validateSearch: productsSearch,
    component: lazyRouteComponent(() => import('./pages/products/products.tsx'), 'Products'),
  }),
  createRoute({
    ...under,
    path: '/products/new',
    component: lazyRouteComponent(() => import('./pages/product/new-product.tsx'), 'NewProduct'),
  }),
  createRoute({
    ...under,
    path: '/import',
    component: lazyRouteComponent(() => import('./pages/import/import.tsx'), 'ImportPage'),
  }),
  createRoute({
    ...under,
    path: '/products/$id',
    component: lazyRouteComponent(() => import('./pages/product/product.tsx'), 'ProductPage'),
  }),
  createRoute({
    ...under,
    path: '/orders',
    validateSearch: ordersSearch,
    component: lazyRouteComponent(() => import('./pages/orders/orders.tsx'), 'Orders'),
  }),
  createRoute({
    ...under,
    path: '/orders/$id',
    component: lazyRouteComponent(() => import('./pages/orders/order.tsx'), 'OrderPage'),
  }),
  createRoute({
    ...under,
    path: '/changes',
    component: lazyRouteComponent(() => import('./pages/changes/changes.tsx'), 'Changes'),
  }),
  createRoute({
    ...under,
    path: '/keys',
    validateSearch: ({ key, job }: Record<string, unknown>): { key?: string; job?: string } => ({
      ...(typeof key === 'string' && { key }),
      ...(typeof job === 'string' && { job }),
    }),
    component: lazyRouteComponent(() => import('./pages/keys/keys.tsx'), 'Keys'),
  }),
  createRoute({
    ...under,
    path: '/audit-log',
    validateSearch: auditSearch,
    component: lazyRouteComponent(() => import('./pages/audit-log/audit-log.tsx'), 'AuditLog'),
  }),
  createRoute({
    ...under,
    path: '/people',
    component: lazyRouteComponent(() => import('./pages/people/people.tsx'), 'People'),
  }),
  createRoute({
    ...under,
    path: '/settings',
    component: lazyRouteComponent(() => import('./pages/settings/settings.tsx'), 'SettingsPage'),
  }),
  createRoute({
    ...under,
    path: '/break-it',
    component: lazyRouteComponent(() => import('./pages/break-it/break-it.tsx'), 'BreakIt'),
  }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
