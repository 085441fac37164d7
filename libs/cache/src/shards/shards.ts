import {
  clusterAddress,
  type ClusterMap,
  type ClusterShard,
  ClusterTopology,
  nodeUrl,
  slotOf,
} from '@catalog/redis';
import { type RunningPart, startPart } from '@catalog/runtime';

/** The address of a shard, and its slots. */
export interface ShardPlace {
  readonly url: string;
  /** The id of the node; '' for a single server. */
  readonly id: string;
  /** `ClusterShard.view` at this moment; undefined for a single server. */
  readonly slots: () => string | undefined;
  /** For `CacheConnection`; undefined for a single server. */
  readonly onTopologyDoubt?: (isSure: boolean) => void;
}

export interface ShardParts {
  /** Resolves when the first attempt to connect has ended. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** It has lost slots, or won some. Those may be slots that it had before and has lost in between. */
  slotsChanged?(): void;
}

interface ShardsOptions<Parts extends ShardParts> {
  /** Of one server, or of a cluster. */
  readonly url: string;
  readonly name: string;
  readonly open: (place: ShardPlace) => Parts;
  readonly onError: (error: Error) => void;
}

interface KnownShard<Parts> {
  readonly parts: Parts;
  found: ClusterShard;
}

/**
 * The servers of the cache, each with its parts: a single server, or the masters of a cluster. When the cluster changes, parts
 * of a new master are opened, and those of a former master are stopped. A shard that only wins or loses slots keeps its parts.
 */
export class Shards<Parts extends ShardParts> {
  readonly #options: ShardsOptions<Parts>;
  readonly #only: Parts | undefined;
  readonly #topology: ClusterTopology | undefined;
  #known: ReadonlyMap<string, KnownShard<Parts>> = new Map();
  #all: readonly Parts[];
  #bySlot: readonly (Parts | undefined)[] = [];
  readonly #listeners: (() => void)[] = [];
  #running: RunningPart | undefined;

  /** @throws TypeError for a URL of no server and no cluster */
  constructor(options: ShardsOptions<Parts>) {
    this.#options = options;
    const { url, name, open, onError } = options;
    const address = clusterAddress(url);
    if (address === undefined) {
      this.#only = open({ url, id: '', slots: () => undefined });
      this.#all = [this.#only];
      return;
    }
    this.#all = [];
    this.#topology = new ClusterTopology({ address, name: `${name} topology`, onError });
    this.#topology.onChange((map) => this.#adopt(map, (shard) => nodeUrl(shard, address)));
  }

  /** Whether this is one server, and no cluster. */
  get isSingle(): boolean {
    return this.#only !== undefined;
  }

  get all(): readonly Parts[] {
    return this.#all;
  }

  /** Names which shard has which slots; '' for a single server, undefined for a cluster that nobody has been able to ask. */
  get topology(): string | undefined {
    return this.#topology === undefined ? '' : this.#topology.map?.hash;
  }

  /** Undefined while no shard is known to have the slot of the key. */
  of(cacheKey: string): Parts | undefined {
    return this.#only ?? this.#bySlot[slotOf(cacheKey)];
  }

  /** As `of`, for the number of a slot. */
  ofSlot(slot: number): Parts | undefined {
    return this.#only ?? this.#bySlot[slot];
  }

  /** Grows with each change of `topology`; 0 for a single server. */
  get topologyAge(): number {
    return this.#topology?.map?.age ?? 0;
  }

  /** Calls back when shards have come, gone, or exchanged slots. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Learns which shard has which slots, in a round that begins after this call. Never rejects. */
  async learn(): Promise<void> {
    await this.#topology?.learn();
  }

  /** Resolves when the first attempts to connect have ended. */
  async start(): Promise<void> {
    if (this.#topology === undefined) {
      await this.#only?.start();
      return;
    }
    await this.#topology.learn();
    this.#running = startPart(this.#topology);
    await Promise.all(this.#all.map((parts) => parts.start()));
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
    await Promise.all(this.#all.map((parts) => parts.stop()));
  }

  #adopt(map: ClusterMap, urlOf: (shard: ClusterShard) => string): void {
    const known = new Map<string, KnownShard<Parts>>();
    const opened: Parts[] = [];
    const changed: Parts[] = [];
    const bySlot: (Parts | undefined)[] = [];
    for (const found of map.shards) {
      const before = this.#known.get(found.id);
      const shard =
        before !== undefined && isAtOnePlace(before.found, found) ? before : this.#open(found, urlOf(found));
      if (shard !== before) opened.push(shard.parts);
      else if (shard.found.view !== found.view) changed.push(shard.parts);
      shard.found = found;
      known.set(found.id, shard);
      for (const [first, last] of found.ranges)
        for (let slot = first; slot <= last; slot++) bySlot[slot] = shard.parts;
    }
    const former = this.#all.filter((parts) => ![...known.values()].some((shard) => shard.parts === parts));
    this.#known = known;
    this.#all = [...known.values()].map(({ parts }) => parts);
    this.#bySlot = bySlot;
    for (const parts of changed) parts.slotsChanged?.();
    for (const parts of former) parts.stop().catch(this.#options.onError);
    // Before the first start of all shards, `start` does this.
    if (this.#running !== undefined) for (const parts of opened) parts.start().catch(this.#options.onError);
    for (const listener of this.#listeners) listener();
  }

  #open(found: ClusterShard, url: string): KnownShard<Parts> {
    const { open } = this.#options;
    const { id, host, port } = found;
    const slots = () => this.#known.get(id)?.found.view;
    const onTopologyDoubt = (isSure: boolean) =>
      void this.#topology?.learn(isSure ? { host, port } : undefined);
    return { parts: open({ url, id, slots, onTopologyDoubt }), found };
  }
}

const isAtOnePlace = (one: ClusterShard, other: ClusterShard): boolean =>
  one.host === other.host && one.port === other.port;
