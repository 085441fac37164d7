import { useQuery } from '@tanstack/react-query';
import { Link, Outlet } from '@tanstack/react-router';
import { Suspense, useState } from 'react';
import { ApiError } from '../http/api.ts';
import { meQuery } from '../http/me.ts';
import { withCommand } from './command-key.ts';
import { CommandPalette } from './command-palette.tsx';
import { queuesPlace, usePlaces } from './places.tsx';
import { ThemeMenu } from './theme-menu.tsx';

const mark = (
  <svg className="mark" viewBox="0 0 24 24" aria-hidden="true">
    <path d="M12 3 21 8 12 13 3 8Z" />
    <path d="M4.5 12.5 12 16.7l7.5-4.2M4.5 16.5 12 20.7l7.5-4.2" />
  </svg>
);

/** The bound within which a change of the role is shown. */
const askAgain_ms = 2_000;

/** Navigation and frame of every page. */
export function AppShell() {
  const { data: me } = useQuery({
    ...meQuery,
    // After the session has ended, a person who stays to copy unsaved text is not asked to leave again and again.
    refetchInterval: ({ state: { error } }) =>
      error instanceof ApiError && error.status === 401 ? false : askAgain_ms,
  });
  const places = usePlaces();
  const [isPaletteOpen, openPalette] = useState(false);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <nav className="side" aria-label="Console">
        <Link to="/" className="brand">
          {mark} <span>Catalog</span>
        </Link>
        <button type="button" className="go" onClick={() => openPalette(true)}>
          <span className="wide-only">Go to…</span>
          <span className="narrow-only">More</span> <kbd>{withCommand('K')}</kbd>
        </button>
        <ul>
          {places.map(({ to, name, icon }) => (
            <li key={to}>
              <Link to={to} activeOptions={{ exact: to === '/' }}>
                {icon}
                <span>{name}</span>
              </Link>
            </li>
          ))}
          <li>
            <a href={queuesPlace.href}>
              {queuesPlace.icon}
              <span>{queuesPlace.name}</span>
            </a>
          </li>
        </ul>
        <div className="who">
          <div className="who-name">
            {me?.username ?? ' '}
            <span className="fine">{me?.role ?? ' '}</span>
          </div>
          <form method="post" action="/sign-out">
            <button className="quiet" type="submit">
              Sign out
            </button>
          </form>
          <ThemeMenu />
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        {me?.confirmed === false && (
          <p className="banner warn" role="status">
            Postgres does not answer, so your role cannot be checked. You can look, but not act.
          </p>
        )}
        <Suspense>
          <Outlet />
        </Suspense>
      </main>
      <CommandPalette isOpen={isPaletteOpen} onOpenChange={openPalette} />
    </div>
  );
}
