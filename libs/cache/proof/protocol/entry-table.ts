import { isLive, type Operation, type KeyContent, type Step, type Transition } from './entry-protocol.ts';

/** A transition depends only on whether a lease is live or over, and an entry fresh, due or past. Few moments do. */
const NOW = 1_000;
const LATER = 2_000;
const LEASE_MS = 1_000;
const REFRESH_AHEAD = 0.1;
const due = { stored_ms: 0, freshUntil_ms: NOW + 50 };
const past = { stored_ms: 0, freshUntil_ms: NOW - 500 };
const never = { stored_ms: 0, freshUntil_ms: 0 };

export type Incarnation = 'current' | 'former';

/** One version of the row. A position is an index into the history of these. */
export interface Row {
  readonly state: 'V' | 'M';
  readonly version: number;
  /** The version with which the change to this row invalidates. */
  readonly invalidates: number;
}

interface Outcome {
  readonly entry: number;
  /** The actor now holds the lease. */
  readonly granted: boolean;
  /** The position of the row that may be served, or -1. */
  readonly shown: number;
  readonly stored: boolean;
}

/** The number of a key without an entry. */
export const NOTHING = 0;

/**
 * Numbers all entries that occur. The pure transition function computes each outcome once; then the search pays only
 * for a table lookup.
 *
 * A payload is the position in history at which it was read. So the rules are checked against the truth, not against
 * versions.
 */
export class EntryTable {
  readonly #entries: KeyContent[] = [];
  readonly #ids = new Map<string, number>();
  readonly #outcomes: (Outcome | undefined)[] = [];
  readonly #transition: Transition;
  readonly #history: readonly Row[];
  /** By entry: the position of a live entry of the current incarnation, else -1. */
  readonly livePosition: number[] = [];
  /** By entry: whether it has a lease. */
  readonly leased: boolean[] = [];

  constructor(transition: Transition, history: readonly Row[]) {
    this.#transition = transition;
    this.#history = history;
    this.#idOf(undefined);
  }

  read(entry: number, incarnation: Incarnation): Outcome {
    return this.#outcome(entry, incarnation === 'current' ? 0 : 1, () => ({
      kind: 'read-or-lease',
      incarnation,
      schema: 1,
      token: 'actor',
      lease_ms: LEASE_MS,
      refreshAhead: REFRESH_AHEAD,
    }));
  }

  invalidate(entry: number, position: number): Outcome {
    return this.#outcome(entry, 2 + position, () => ({
      kind: 'invalidate',
      incarnation: 'current',
      version: this.#row(position).invalidates,
      dead_ms: 0,
    }));
  }

  fill(entry: number, position: number, holds: boolean, incarnation: Incarnation): Outcome {
    const variant = position * 4 + (holds ? 2 : 0) + (incarnation === 'current' ? 1 : 0);
    return this.#outcome(entry, 2 + this.#history.length + variant, () => {
      const { state, version } = this.#row(position);
      const payload = String(position);
      const times = { fresh_ms: LATER - NOW, ttl_ms: 0 };
      const token = holds ? 'holder' : '';
      return { kind: 'fill', incarnation, schema: 1, token, state, version, ...times, payload };
    });
  }

  /** The lease ends: the entry is equal to one without a lease. */
  expireLease(entry: number): number {
    const data = this.#entries[entry];
    return data === undefined || data.token === '' ? entry : this.#idOf({ ...data, token: '' });
  }

  /** The floor is lost but not the lease, as if Redis kept them in two keys and evicted one. */
  loseFloor(entry: number): number {
    const data = this.#entries[entry];
    return data === undefined ? entry : this.#idOf({ ...data, floor: 0 });
  }

  /** A live entry grows old: from fresh to due for a refresh, then past its soft TTL. */
  age(entry: number): number {
    const data = this.#entries[entry];
    if (data === undefined || !isLive(data) || data.freshUntil_ms === past.freshUntil_ms) return entry;
    return this.#idOf({ ...data, ...(data.freshUntil_ms === LATER ? due : past) });
  }

  /** A new incarnation begins: the entry now belongs to the former one. */
  inherit(entry: number): number {
    const data = this.#entries[entry];
    return data === undefined ? entry : this.#idOf({ ...data, incarnation: 'former' });
  }

  #row(position: number): Row {
    const row = this.#history[position];
    if (row === undefined) throw new Error(`The history has no row ${position}.`);
    return row;
  }

  #outcome(entry: number, operation: number, build: () => Operation): Outcome {
    const index = entry * (2 + 5 * this.#history.length) + operation;
    const known = this.#outcomes[index];
    if (known !== undefined) return known;
    const step = this.#transition(this.#entries[entry], build(), NOW);
    const outcome = {
      entry: this.#idOf(step.entry),
      granted: step.entry?.token === 'actor',
      ...shownBy(step),
    };
    this.#outcomes[index] = outcome;
    return outcome;
  }

  #idOf(data: KeyContent): number {
    const plain = canonical(data);
    const key = JSON.stringify(plain ?? null);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#entries.length;
    this.#ids.set(key, id);
    this.#entries.push(plain);
    const live = plain !== undefined && isLive(plain) && plain.incarnation === 'current';
    this.livePosition.push(live ? Number(plain.payload) : -1);
    this.leased.push(plain !== undefined && plain.token !== '');
    return id;
  }
}

/** Entries that no operation can tell apart become one. The model knows who holds the lease. */
function canonical(data: KeyContent): KeyContent {
  if (data === undefined) return undefined;
  const leased = data.token !== '';
  if (data.state === 'A' && !leased) return undefined;
  const { state, version, incarnation, schema, stored_ms, freshUntil_ms } = data;
  return {
    state,
    version,
    ...(isLive(data) ? { stored_ms, freshUntil_ms } : never),
    incarnation,
    schema,
    ...(leased
      ? { token: 'holder', floor: data.floor, leaseUntil_ms: LATER }
      : { token: '', floor: 0, leaseUntil_ms: 0 }),
    payload: isLive(data) ? data.payload : '',
    expiresAt_ms: 0,
  };
}

function shownBy({ answer }: Step): { shown: number; stored: boolean } {
  if (typeof answer === 'number') return { shown: -1, stored: false };
  const isRead = typeof answer[0] === 'string';
  const [state, , , freshFor_ms, payload] = isRead ? answer : answer.slice(1);
  const servable = (state === 'V' || state === 'M') && (!isRead || Number(freshFor_ms) > 0);
  return { shown: servable && payload !== '' ? Number(payload) : -1, stored: !isRead && answer[0] === 1 };
}
