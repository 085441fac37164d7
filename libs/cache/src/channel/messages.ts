/** The messages on the invalidation channel. Keys are Redis keys, times are milliseconds. */

export const INVALIDATION_CHANNEL = 'invalidations';

/**
 * Each shard of a cluster has a channel of its own, because a node passes every message on to all others. Those come later than
 * the messages of the node itself, and may be lost on the way.
 *
 * @param shard the id of the node; '' for a single server
 */
export const channelOf = (shard: string): string =>
  shard === '' ? INVALIDATION_CHANNEL : `${INVALIDATION_CHANNEL}:${shard}`;

/** A key, and the version below which it must not be served. */
export type InvalidatedKey = readonly [key: string, version: number];

interface Envelope {
  /** A worker keeps its name over reconnects, so that a lost message leaves a gap. */
  readonly publisher: string;
  /** Grows by one with each message of the publisher, from 1. */
  readonly sequence: number;
  /** The incarnation that the publisher writes to. */
  readonly incarnation: string;
}
export interface Invalidation extends Envelope {
  readonly keys: readonly InvalidatedKey[];
  /**
   * Readers forget which versions they have served, of these keys or of all. Postgres holds an older version of these
   * keys, or may hold one of any key.
   */
  readonly forget?: 'keys' | 'all';
}
export interface Heartbeat extends Envelope {
  /** Every change committed longer ago than this has been applied to Redis and announced, unless its key is set aside. */
  readonly watermarkAge_ms: number;
  /** The slots that this shard has according to the publisher: `ClusterShard.view`. Undefined for a single server. */
  readonly slots?: string | undefined;
  readonly setAside?: SetAside | undefined;
}
/** Keys and entities that Redis refuses to invalidate. Readers must not trust Redis for them. */
export interface SetAside {
  /** Redis keys. */
  readonly keys: readonly string[];
  /** Names of entities: all their keys. */
  readonly entities: readonly string[];
}
export type ChannelMessage = Invalidation | Heartbeat;

interface Wire {
  p: string;
  n: number;
  i: string;
  k?: InvalidatedKey[];
  f?: 'keys' | 'all';
  w?: number;
  /** The view of the slots. */
  s?: string;
  /** What is set aside: keys and entities. Absent when nothing is. */
  a?: readonly [keys: readonly string[], entities: readonly string[]];
}

export function encodeInvalidation({ publisher, sequence, incarnation, keys, forget }: Invalidation): string {
  return JSON.stringify({ p: publisher, n: sequence, i: incarnation, k: keys, f: forget });
}

/** A heartbeat without its age and closing brace, which `heartbeat.lua` adds. */
export function encodeHeartbeatHead({
  publisher,
  sequence,
  incarnation,
  slots,
  setAside: { keys, entities } = { keys: [], entities: [] },
}: Omit<Heartbeat, 'watermarkAge_ms'>): string {
  const a = keys.length + entities.length > 0 ? [keys, entities] : undefined;
  return `${JSON.stringify({ p: publisher, n: sequence, i: incarnation, s: slots, a }).slice(0, -1)},"w":`;
}

/** @returns undefined for any other text: each client that may publish can send anything. */
export function decodeMessage(text: string): ChannelMessage | undefined {
  let wire: Partial<Wire> | null;
  try {
    wire = JSON.parse(text) as Partial<Wire> | null;
  } catch {
    return undefined;
  }
  if (typeof wire !== 'object' || wire === null) return undefined;
  const {
    p: publisher,
    n: sequence,
    i: incarnation,
    k: keys,
    f: forget,
    w: watermarkAge_ms,
    s: slots,
    a,
  } = wire;
  if (typeof publisher !== 'string' || typeof incarnation !== 'string' || !Number.isSafeInteger(sequence)) {
    return undefined;
  }
  const envelope = { publisher, sequence: sequence as number, incarnation };
  if (typeof watermarkAge_ms === 'number' && watermarkAge_ms >= 0) {
    if (slots !== undefined && typeof slots !== 'string') return undefined;
    const heartbeat = { ...envelope, watermarkAge_ms, ...(slots !== undefined && { slots }) };
    if (a === undefined) return heartbeat;
    if (!Array.isArray(a) || a.length !== 2 || !a.every(isStrings)) return undefined;
    return { ...heartbeat, setAside: { keys: a[0], entities: a[1] } };
  }
  if (!Array.isArray(keys) || !keys.every(isInvalidatedKey)) return undefined;
  if (forget === 'keys' || forget === 'all') return { ...envelope, keys, forget };
  return { ...envelope, keys };
}

const isStrings = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

const isInvalidatedKey = (value: unknown): boolean =>
  Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'number';
