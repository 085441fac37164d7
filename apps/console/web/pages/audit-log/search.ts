/** The filters are in the address, so that a person can send a view and open it again. */
export interface AuditSearch {
  readonly user?: string;
  readonly kind?: string;
}

/** The kinds of actions that a person can filter by, with the server's names. */
export const kinds: Readonly<Record<string, string>> = {
  product: 'products',
  cache: 'cache',
  queue: 'queues',
  order: 'orders',
  stock: 'stock',
  settings: 'settings',
  user: 'people',
  session: 'sessions',
  fault: 'faults',
};

export function actionsAddress(search: AuditSearch, cursor = ''): string {
  const query = new URLSearchParams({ ...auditSearch({ ...search }), limit: '50' });
  if (cursor !== '') query.set('cursor', cursor);
  return `/api/actions?${query}`;
}

export function auditSearch(given: Record<string, unknown>): AuditSearch {
  const { user, kind } = given;
  return {
    ...(typeof user === 'string' && user !== '' && { user: user.slice(0, 64) }),
    ...(typeof kind === 'string' && Object.hasOwn(kinds, kind) && { kind }),
  };
}
