/** The pages that a person can open. The navigation and the command palette show the same. */
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { meQuery } from '../http/me.ts';

export interface Place {
  readonly to:
    | '/'
    | '/products'
    | '/changes'
    | '/keys'
    | '/orders'
    | '/import'
    | '/audit-log'
    | '/people'
    | '/settings'
    | '/break-it';
  readonly name: string;
  readonly icon: ReactNode;
}

const icon = (path: string): ReactNode => (
  <svg viewBox="0 0 16 16" className="icon" aria-hidden="true">
    <path d={path} />
  </svg>
);

const places: readonly Place[] = [
  { to: '/', name: 'Overview', icon: icon('M2 9l3-4 3 3 3-5 3 4M2 13h12') },
  { to: '/products', name: 'Products', icon: icon('M8 2l5.5 3v6L8 14l-5.5-3V5zM2.5 5L8 8l5.5-3M8 8v6') },
  { to: '/changes', name: 'Changes', icon: icon('M2 4h9M2 8h12M2 12h6') },
  { to: '/keys', name: 'Keys', icon: icon('M6.5 9.5a3 3 0 1 1 0-3L14 6.5v3h-2v-1.500H8') },
  { to: '/orders', name: 'Orders', icon: icon('M2 3h2l2 7h6l2-5H5M7 13h.010M11 13h.010') },
  { to: '/import', name: 'Import', icon: icon('M8 2v8M5 7l3 3 3-3M2.500 10v4h11v-4') },
  { to: '/audit-log', name: 'Audit log', icon: icon('M4 2h8v12H4zM6.500 5h3M6.500 8h3M6.500 11h2') },
  {
    to: '/people',
    name: 'People',
    icon: icon(
      'M6 7.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5M1.500 13.500a4.500 4.500 0 0 1 9 0M11 3a2.500 2.500 0 0 1 0 4.500M12 9.500a4.500 4.500 0 0 1 2.500 4',
    ),
  },
  {
    to: '/settings',
    name: 'Settings',
    icon: icon('M2 4.500h7M12 4.500h2M9 3v3h3V3zM2 11.500h2M7 11.500h7M4 10v3h3v-3z'),
  },
];

const breakIt: Place = {
  to: '/break-it',
  name: 'Break it',
  icon: icon('M9 1L3 9h4l-1 6 6-8H8z'),
};

/** Those of this stack and this person. */
export function usePlaces(): readonly Place[] {
  const { data: me } = useQuery(meQuery);
  return me?.breaksStack === true ? [...places, breakIt] : places;
}

/** bull-board has pages of its own. */
export const queuesPlace = {
  href: '/queues/',
  name: 'Queues',
  icon: icon('M2 3h12v3H2zM2 8h12v3H2zM5 13.500h6'),
};
