import { useQuery } from '@tanstack/react-query';
import { Link, Outlet } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useState } from 'react';
import { Later } from '../elements/later.tsx';
import { useIdle } from '../elements/use-idle.ts';
import { ApiError } from '../http/api.ts';
import { meQuery } from '../http/me.ts';
import { withCommand } from './command-key.ts';
import { queuesPlace, usePlaces } from './places.tsx';
import { ThemeButton } from './theme-button.tsx';

const mark = (
  <svg className="mark" viewBox="0 0 24 24" aria-hidden="true">
    <path d="M12 3 21 8 12 13 3 8Z" />
    <path d="M4.5 12.5 12 16.7l7.5-4.2M4.5 16.5 12 20.7l7.5-4.2" />
  </svg>
);

// Nobody needs these before the page is there.
const CommandPalette = lazy(async () => ({
  default: (await import('./command-palette.tsx')).CommandPalette,
}));
const Toasts = lazy(async () => ({ default: (await import('../elements/toasts.tsx')).Toasts }));
const ThemeMenu = lazy(async () => ({ default: (await import('./theme-menu.tsx')).ThemeMenu }));

/** The bound within which a change of the role is shown. */
const askAgain_ms = 2_000;

/** Navigation and frame of every page. */
export function AppShell() {
  const { data: me, isPending } = useQuery({
    ...meQuery,
    // After the session has ended, a person who stays to copy unsaved text is not asked to leave again and again.
    refetchInterval: ({ state: { error } }) =>
      error instanceof ApiError && error.status === 401 ? false : askAgain_ms,
  });
  const places = usePlaces();
  const [isPaletteOpen, openPalette] = useState(false);
  useCommandKey(() => openPalette(true));
  const isIdle = useIdle();
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
            {me?.username}
            <span className="fine">{me?.role}</span>
          </div>
          <form method="post" action="/sign-out">
            <button className="quiet" type="submit">
              Sign out
            </button>
          </form>
          <Later button={(press) => <ThemeButton onClick={press} />}>
            {(isOpen) => <ThemeMenu isOpen={isOpen} />}
          </Later>
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        {me?.confirmed === false && (
          <p className="banner warn" role="status">
            Postgres does not answer, so your role cannot be checked. You can look, but not act.
          </p>
        )}
        {/* Who looks decides what a page shows. Otherwise its buttons would appear later. */}
        {!isPending && (
          <Suspense>
            <Outlet />
          </Suspense>
        )}
      </main>
      <Suspense>{isIdle && <Toasts />}</Suspense>
      <Suspense>
        {(isIdle || isPaletteOpen) && <CommandPalette isOpen={isPaletteOpen} onOpenChange={openPalette} />}
      </Suspense>
    </div>
  );
}

/** ⌘K. */
function useCommandKey(open: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      open();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });
}
