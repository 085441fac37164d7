import { kinds } from './actions.ts';

/** The filters are in the address, so that a person can send a view and open it again. */
export interface AuditSearch {
  readonly user?: string;
  readonly kind?: string;
}

export function auditSearch(given: Record<string, unknown>): AuditSearch {
  const { user, kind } = given;
  return {
    ...(typeof user === 'string' && user !== '' && { user: user.slice(0, 64) }),
    ...(typeof kind === 'string' && kind in kinds && { kind }),
  };
}
