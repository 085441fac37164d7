import { kinds } from './actions.ts';

/** The filters stand in the address, so that a view can be sent and opened again. */
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
