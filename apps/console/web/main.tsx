import { CSPProvider } from '@base-ui/react/csp-provider';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider, type AnyRoute } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiError } from './http/api.ts';
import { meQuery } from './http/me.ts';
import { router } from './router.tsx';
import { applyTheme } from './shell/theme.ts';
import './static/page.css';
import './styles/elements.css';
import './styles/floating.css';
import './styles/shell.css';
import './styles/overview.css';
import './styles/pages.css';
import './styles/product.css';
import './styles/products.css';

applyTheme();

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // A second try does not help when the request itself is wrong or the person may not do it.
      retry: (count, error) =>
        count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      staleTime: 2_000,
      refetchOnWindowFocus: true,
    },
  },
});

/** Beyond this time, an empty frame is better than nothing. */
const patience_ms = 500;

/**
 * Who looks and the file of the page have come already, because the server has named them. With both, the first picture is the
 * page itself.
 */
async function waitForPage(): Promise<void> {
  const files = router.matchRoutes(router.latestLocation).map(({ routeId }) => {
    const route: AnyRoute = router.routesById[routeId as keyof typeof router.routesById];
    return router.loadRouteChunk(route);
  });
  await Promise.race([
    Promise.all([queries.prefetchQuery(meQuery), ...files]),
    new Promise((resolve) => setTimeout(resolve, patience_ms)),
  ]);
}

function show(): void {
  const root = document.querySelector('#root');
  if (root === null) throw new Error('the page has no element #root');
  createRoot(root).render(
    <StrictMode>
      {/* Our policy allows no inline style elements. */}
      <CSPProvider disableStyleElements>
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </CSPProvider>
    </StrictMode>,
  );
}

// A file that cannot be loaded is reported by its page.
void waitForPage().then(show, show);
