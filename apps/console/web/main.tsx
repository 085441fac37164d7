import { CSPProvider } from '@base-ui/react/csp-provider';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Toasts } from './elements/toasts.tsx';
import { ApiError } from './http/api.ts';
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

const root = document.querySelector('#root');
if (root === null) throw new Error('the page has no element #root');
createRoot(root).render(
  <StrictMode>
    {/* Our policy allows no inline style elements. */}
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <Toasts>
          <RouterProvider router={router} />
        </Toasts>
      </QueryClientProvider>
    </CSPProvider>
  </StrictMode>,
);
