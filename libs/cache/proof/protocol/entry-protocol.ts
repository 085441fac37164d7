/**
 * The specification: the three scripts of `lua/` as one pure function, (entry, operation, time) → (entry, answer).
 *
 * `conformance.redis.test.ts` compares every script with it, on every entry and operation of a small domain.
 * `entry-model.ts` searches all orders of its operations. It uses no clock, no Redis and nothing random.
 */
export interface EntryData {
  /** V value, M missing, D dead, A absent. */
  readonly state: 'V' | 'M' | 'D' | 'A';
  readonly version: number;
  readonly stored_ms: number;
  readonly freshUntil_ms: number;
  readonly incarnation: string;
  readonly schema: number;
  /** '' if the entry has no lease. */
  readonly token: string;
  readonly floor: number;
  readonly leaseUntil_ms: number;
  readonly payload: string;
  /** When Redis deletes the key. */
  readonly expiresAt_ms: number;
}

export interface ReadOrLease {
  readonly kind: 'read-or-lease';
  readonly incarnation: string;
  readonly schema: number;
  readonly token: string;
  readonly lease_ms: number;
  readonly refreshAhead: number;
}
export interface Fill {
  readonly kind: 'fill';
  readonly incarnation: string;
  readonly schema: number;
  readonly token: string;
  readonly state: 'V' | 'M';
  readonly version: number;
  readonly fresh_ms: number;
  readonly ttl_ms: number;
  readonly payload: string;
}
export interface Invalidate {
  readonly kind: 'invalidate';
  readonly incarnation: string;
  readonly version: number;
  readonly dead_ms: number;
}
export type Operation = ReadOrLease | Fill | Invalidate;

/** The answer of Redis; the header of each script describes it. */
export type ScriptAnswer = number | readonly (string | number)[];

/** undefined: the key does not exist, or its content is not readable. */
export type KeyContent = EntryData | undefined;

export interface Step {
  readonly entry: KeyContent;
  readonly answer: ScriptAnswer;
}

/** A protocol, as the model sees it. The controls are other functions of this type. */
export type Transition = (entry: KeyContent, operation: Operation, now_ms: number) => Step;

export const transition: Transition = (entry, operation, now_ms) => {
  switch (operation.kind) {
    case 'read-or-lease':
      return readOrLease(entry, operation, now_ms);
    case 'fill':
      return fill(entry, operation, now_ms);
    case 'invalidate':
      return invalidate(entry, operation, now_ms);
  }
};

export const isLive = (entry: EntryData) => entry.state === 'V' || entry.state === 'M';
const isLeased = (entry: EntryData, now_ms: number) => entry.token !== '' && now_ms < entry.leaseUntil_ms;
const noLease = { token: '', floor: 0, leaseUntil_ms: 0 } as const;

function readOrLease(there: KeyContent, operation: ReadOrLease, now_ms: number): Step {
  const { incarnation, schema, token, lease_ms, refreshAhead } = operation;
  const own = there?.incarnation === incarnation ? there : undefined;
  const readable = own !== undefined && own.state !== 'A' && own.schema === schema;
  const fresh = readable && isLive(own) && now_ms < own.freshUntil_ms;
  const refreshDue =
    own === undefined || now_ms >= own.freshUntil_ms - (own.freshUntil_ms - own.stored_ms) * refreshAhead;

  let entry = there;
  let lease = 0;
  if (!fresh || refreshDue) {
    if (own === undefined || !isLeased(own, now_ms)) {
      lease = 1;
      const granted = { token, floor: 0, leaseUntil_ms: now_ms + lease_ms };
      entry =
        own === undefined || own.state === 'A'
          ? { ...nothing, incarnation, ...granted, expiresAt_ms: now_ms + lease_ms }
          : { ...own, ...granted };
    } else if (!fresh) {
      lease = -1;
    }
  }
  if (!readable) return { entry, answer: ['A', 0, 0, 0, '', lease] };
  const { state, version, payload } = own;
  return {
    entry,
    answer: [state, version, now_ms - own.stored_ms, own.freshUntil_ms - now_ms, payload, lease],
  };
}

function fill(there: KeyContent, operation: Fill, now_ms: number): Step {
  const { incarnation, schema, token, state, version, fresh_ms, ttl_ms, payload } = operation;
  const own = there?.incarnation === incarnation ? there : undefined;
  const leased = own !== undefined && isLeased(own, now_ms);
  const holder = leased && own.token === token;
  const live = own !== undefined && isLive(own);

  const mayStore = live
    ? version > own.version || (holder && version === own.version)
    : holder && version >= own.floor;
  if (mayStore) {
    const lease =
      own === undefined || holder
        ? noLease
        : {
            token: own.token,
            floor: leased ? Math.max(own.floor, version) : own.floor,
            leaseUntil_ms: own.leaseUntil_ms,
          };
    const times = { stored_ms: now_ms, freshUntil_ms: now_ms + fresh_ms, expiresAt_ms: now_ms + ttl_ms };
    return {
      entry: { state, version, schema, payload, incarnation, ...times, ...lease },
      answer: [1, state, version, 0, fresh_ms, ''],
    };
  }

  let entry = there;
  if (holder) entry = own.state === 'A' ? undefined : { ...own, ...noLease };
  else if (leased) entry = { ...own, floor: Math.max(own.floor, version) };

  if (live && own.schema === schema && own.version > version) {
    const times = [now_ms - own.stored_ms, own.freshUntil_ms - now_ms];
    return { entry, answer: [0, own.state, own.version, ...times, own.payload] };
  }
  return { entry, answer: [0, 'A', 0, 0, 0, ''] };
}

function invalidate(there: KeyContent, operation: Invalidate, now_ms: number): Step {
  const { incarnation, version, dead_ms } = operation;
  if (there?.incarnation !== incarnation || there.state === 'A') return { entry: undefined, answer: 0 };
  const unleased = { ...there, ...noLease };
  if (!isLive(there) || there.version >= version) return { entry: unleased, answer: 0 };
  if (there.state === 'M') return { entry: undefined, answer: 1 };
  return { entry: { ...unleased, state: 'D', expiresAt_ms: now_ms + dead_ms }, answer: 1 };
}

const nothing = {
  state: 'A',
  version: 0,
  stored_ms: 0,
  freshUntil_ms: 0,
  schema: 0,
  payload: '',
  expiresAt_ms: 0,
} as const;

/** An entry as Redis stores it; `lua/entry.lua` has the layout. */
export function encode(entry: EntryData): string {
  const { state, version, stored_ms, freshUntil_ms, incarnation, schema, token, floor, leaseUntil_ms } =
    entry;
  const head = [
    1,
    state,
    version,
    stored_ms,
    freshUntil_ms,
    incarnation,
    schema,
    token,
    floor,
    leaseUntil_ms,
  ];
  return `${head.join('|')}\n${entry.payload}`;
}
