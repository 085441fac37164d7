import { createHash } from 'node:crypto';
import { slotCount } from './key-slot.ts';

/** A master that has slots. */
export interface ClusterShard {
  /** The id of the node. It keeps the id over restarts and changes of its address. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** First and last slot of each range, ascending. */
  readonly ranges: readonly (readonly [first: number, last: number])[];
  /**
   * The slots of this shard at one time, such as `7 0-5460 5462`. It begins with the configuration epoch, so the same view never
   * returns: if a slot returns, its shard gets a higher epoch, because the cluster accepts no claim with a lower one.
   */
  readonly view: string;
}

/** Which shard has which slots, as one node knows it. */
export interface ClusterMap {
  /**
   * Grows with each failover and each slot that moves: the sum of the configuration epochs of all slots. The cluster accepts a new
   * owner of a slot only with a higher epoch than that of the former one.
   */
  readonly age: number;
  /** Names the views of all shards. */
  readonly hash: string;
  readonly shards: readonly ClusterShard[];
  /** Addresses of all nodes, replicas too. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
}

const line =
  /^(?<id>\w+) (?<host>\S*):(?<port>\d+)(?:@\S*)? (?<flags>\S+) \S+ \d+ \d+ (?<epoch>\d+) \w+ ?(?<slots>.*)$/;

/**
 * Reads the answer of CLUSTER NODES. CLUSTER SHARDS and CLUSTER SLOTS do not have the configuration epochs.
 *
 * @param askedHost for a node that does not know its own address yet
 * @throws when the node knows no master with slots, so that it is no member of a cluster
 */
export function parseClusterNodes(text: string, askedHost: string): ClusterMap {
  const nodes = text.split('\n').flatMap((each) => {
    const { id = '', host = '', port, flags = '', epoch, slots = '' } = line.exec(each)?.groups ?? {};
    const isReachable = id !== '' && Number(port) > 0 && !/\b(?:noaddr|handshake)\b/.test(flags);
    const node = { id, host: host.replace(/^\[|\]$/g, '') || askedHost, port: Number(port) };
    return isReachable ? [{ ...node, flags, epoch: Number(epoch), ranges: rangesOf(slots) }] : [];
  });
  const masters = nodes.filter(({ flags, ranges }) => /\bmaster\b/.test(flags) && ranges.length > 0);
  if (masters.length === 0) throw new Error('the Redis node knows no master with slots: it is in no cluster');
  const shards = masters
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, host, port, epoch, ranges }) => ({
      id,
      host,
      port,
      ranges,
      view: [epoch, ...ranges.map(([first, last]) => (first === last ? first : `${first}-${last}`))].join(
        ' ',
      ),
    }));
  return {
    age: masters.reduce((sum, { epoch, ranges }) => sum + epoch * sizeOf(ranges), 0),
    hash: shortHash(shards.map(({ id, view }) => `${id} ${view}`).join('\n')),
    shards,
    nodes: nodes.map(({ host, port }) => ({ host, port })),
  };
}

/** Whether a shard has the slot in this view of it. */
export const viewHasSlot = (view: string, slot: number): boolean =>
  rangesOf(view.replace(/^\S*/, '')).some(([first, last]) => first <= slot && slot <= last);

/** `0-5460 5462`. What follows in brackets, `[93-<-…]`, is a slot on its way: it belongs to its former shard. */
function rangesOf(text: string): [first: number, last: number][] {
  return text
    .split(' ')
    .flatMap((each): [number, number][] => {
      const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(each) ?? [];
      return first !== undefined && Number(last) < slotCount ? [[Number(first), Number(last)]] : [];
    })
    .toSorted(([a], [b]) => a - b);
}

const sizeOf = (ranges: readonly (readonly [number, number])[]): number =>
  ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);
