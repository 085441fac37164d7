import type { EntryData, Operation, Slot, Step, Transition } from './entry-protocol.ts';

/** Only what a transition depends on: moments become "live or over", "fresh, due or past". */
const NOW = 1_000;
const LATER = 2_000;
const LEASE_MS = 1_000;
const REFRESH_AHEAD = 0.1;
const due = { stored_ms: 0, freshUntil_ms: NOW + 50 };
const past = { stored_ms: 0, freshUntil_ms: NOW - 500 };
const never = { stored_ms: 0, freshUntil_ms: 0 };

/** The life of the stores that holds, and the one that a change of incarnation has ended. */
export type Life = 'now' | 'former';

/** One version of the row, in the order of history. A position is an index into these. */
export interface Row {
  readonly state: 'V' | 'M';
  readonly version: number;
  /** What the change that led here invalidates below. */
  readonly invalidates: number;
}

interface Outcome {
  readonly entry: number;
  /** The lease is now the actor's. */
  readonly granted: boolean;
  /** What may be served: the position of a row, or -1. */
  readonly shown: number;
  readonly stored: boolean;
}

/** No entry at all. */
export const NOTHING = 0;

/**
 * All entries that occur, numbered, and the outcome of each operation on each, computed once by the pure
 * transition function: so the walk explores that function, at the price of a table lookup.
 *
 * A payload is the position in history that it was read at, which lets the rules be checked against
 * the truth rather than against versions.
 */
export class EntryTable {
  readonly #entries: Slot[] = [];
  readonly #ids = new Map<string, number>();
  readonly #outcomes: (Outcome | undefined)[] = [];
  readonly #transition: Transition;
  readonly #history: readonly Row[];
  /** By entry: the position of a live entry of the present life, else -1. */
  readonly livePosition: number[] = [];
  /** By entry: whether it bears a lease. */
  readonly leased: boolean[] = [];

  constructor(transition: Transition, history: readonly Row[]) {
    this.#transition = transition;
    this.#history = history;
    this.#idOf(undefined);
  }

  read(entry: number, life: Life): Outcome {
    return this.#outcome(entry, life === 'now' ? 0 : 1, () => ({
      kind: 'read-or-lease',
      incarnation: life,
      schema: 1,
      token: 'actor',
      lease_ms: LEASE_MS,
      refreshAhead: REFRESH_AHEAD,
    }));
  }

  invalidate(entry: number, position: number): Outcome {
    return this.#outcome(entry, 2 + position, () => ({
      kind: 'invalidate',
      incarnation: 'now',
      version: this.#row(position).invalidates,
      dead_ms: 0,
    }));
  }

  fill(entry: number, position: number, holds: boolean, life: Life): Outcome {
    const variant = position * 4 + (holds ? 2 : 0) + (life === 'now' ? 1 : 0);
    return this.#outcome(entry, 2 + this.#history.length + variant, () => {
      const { state, version } = this.#row(position);
      const payload = String(position);
      const times = { fresh_ms: LATER - NOW, life_ms: 0 };
      const token = holds ? 'holder' : '';
      return { kind: 'fill', incarnation: life, schema: 1, token, state, version, ...times, payload };
    });
  }

  /** Its lease runs out: it no longer differs from having none. */
  expireLease(entry: number): number {
    const data = this.#entries[entry];
    return data === undefined || data.token === '' ? entry : this.#idOf({ ...data, token: '' });
  }

  /** The floor is lost and the lease is not, as if they stood in two keys and one had been evicted. */
  loseFloor(entry: number): number {
    const data = this.#entries[entry];
    return data === undefined ? entry : this.#idOf({ ...data, floor: 0 });
  }

  /** Time passes for a live entry: from fresh to due for a refresh, and on to past its soft TTL. */
  age(entry: number): number {
    const data = this.#entries[entry];
    if (data === undefined || !isLive(data) || data.freshUntil_ms === past.freshUntil_ms) return entry;
    return this.#idOf({ ...data, ...(data.freshUntil_ms === LATER ? due : past) });
  }

  /** The stores begin another life, and what is there was written in the former one. */
  inherit(entry: number): number {
    const data = this.#entries[entry];
    return data === undefined ? entry : this.#idOf({ ...data, incarnation: 'former' });
  }

  #row(position: number): Row {
    const row = this.#history[position];
    if (row === undefined) throw new Error(`there is no row ${position}`);
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

  #idOf(data: Slot): number {
    const plain = canonical(data);
    const key = JSON.stringify(plain ?? null);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#entries.length;
    this.#ids.set(key, id);
    this.#entries.push(plain);
    const live = plain !== undefined && isLive(plain) && plain.incarnation === 'now';
    this.livePosition.push(live ? Number(plain.payload) : -1);
    this.leased.push(plain !== undefined && plain.token !== '');
    return id;
  }
}

const isLive = ({ state }: EntryData) => state === 'V' || state === 'M';

/** Entries that no operation can tell apart become one. Who holds the lease is the walk's to know. */
function canonical(data: Slot): Slot {
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
