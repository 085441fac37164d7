import { isLive, type EntryData, type Transition, transition } from './entry-protocol.ts';

/**
 * Protocols that are known to be wrong. A search that finds no fault in ours must find one in each of these, or it
 * would prove nothing.
 */

const bare = {
  stored_ms: 0,
  freshUntil_ms: 0,
  schema: 1,
  token: '',
  floor: 0,
  leaseUntil_ms: 0,
  expiresAt_ms: 0,
};
const missed = ['A', 0, 0, 0, '', 0] as const;
const refused = [0, 'A', 0, 0, 0, ''] as const;

/** A miss stores what the reader loaded; a change deletes the key. */
export const plainCacheAside: Transition = (entry, operation, now_ms) => {
  switch (operation.kind) {
    case 'read-or-lease':
      return { entry, answer: shown(entry, operation.incarnation, now_ms) };
    case 'fill':
      return stored(operation, now_ms);
    case 'invalidate':
      return { entry: undefined, answer: 0 };
  }
};

/** Stores only a newer version than the present one. A change leaves its version as a tombstone in Redis. */
export const setIfNewer: Transition = (entry, operation, now_ms) => {
  const own = entry?.incarnation === operation.incarnation ? entry : undefined;
  switch (operation.kind) {
    case 'read-or-lease':
      return { entry, answer: shown(entry, operation.incarnation, now_ms) };
    case 'fill':
      if (own !== undefined && own.version > operation.version) return { entry, answer: refused };
      return stored(operation, now_ms);
    case 'invalidate': {
      const { incarnation, version } = operation;
      if (own !== undefined && own.version >= version) return { entry, answer: 0 };
      return { entry: { ...bare, state: 'D', version, incarnation, payload: '' }, answer: 1 };
    }
  }
};

/** Ours, but a refused reader does not raise the floor of the lease holder. */
export const leaseWithoutFloors: Transition = (entry, operation, now_ms) => {
  const step = transition(entry, operation, now_ms);
  if (operation.kind !== 'fill' || step.entry === undefined) return step;
  return { ...step, entry: { ...step.entry, floor: 0 } };
};

/** Ours, but an invalidation does not end the lease. */
export const invalidationKeepsLease: Transition = (entry, operation, now_ms) => {
  const step = transition(entry, operation, now_ms);
  if (operation.kind !== 'invalidate' || entry?.incarnation !== operation.incarnation) return step;
  const { token, floor, leaseUntil_ms, incarnation } = entry;
  if (token === '') return step;
  const rest: EntryData = step.entry ?? { ...bare, state: 'A', version: 0, incarnation, payload: '' };
  return { ...step, entry: { ...rest, token, floor, leaseUntil_ms } };
};

function shown(entry: EntryData | undefined, incarnation: string, now_ms: number) {
  if (entry?.incarnation !== incarnation || !isLive(entry)) return missed;
  const { state, version, stored_ms, freshUntil_ms, payload } = entry;
  return [state, version, now_ms - stored_ms, freshUntil_ms - now_ms, payload, 0];
}

function stored(
  operation: Extract<Parameters<Transition>[1], { kind: 'fill' }>,
  now_ms: number,
): ReturnType<Transition> {
  const { state, version, payload, incarnation, fresh_ms } = operation;
  const times = { stored_ms: now_ms, freshUntil_ms: now_ms + fresh_ms };
  return {
    entry: { ...bare, state, version, payload, incarnation, ...times },
    answer: [1, state, version, 0, fresh_ms, ''],
  };
}
