import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  type ErrorComponentProps,
} from '@tanstack/react-router';
import { Empty, Failed } from './elements/states.tsx';
import { AppShell } from './shell/app-shell.tsx';

const root = createRootRoute({
  component: AppShell,
  notFoundComponent: () => <Empty title="There is no such page.">Use the navigation, or press ⌘K.</Empty>,
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
    path: '/keys',
    validateSearch: (search): { key?: string } =>
      typeof search['key'] === 'string' ? { key: search['key'] } : {},
    component: lazyRouteComponent(() => import('./pages/keys/keys.tsx'), 'Keys'),
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
