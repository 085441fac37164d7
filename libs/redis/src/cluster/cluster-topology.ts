import { type Part, pause, repeat, withDeadline } from '@catalog/runtime';
import { Redis } from 'ioredis';
import type { ClusterAddress } from '../redis-urls.ts';
import { type ClusterMap, parseClusterNodes } from './cluster-map.ts';

type Node = ClusterMap['nodes'][number];

export interface ClusterTopologyOptions {
  readonly address: ClusterAddress;
  /** Shown by CLIENT LIST. */
  readonly name: string;
  /** No node could be asked, or one of them could not. */
  readonly onError: (error: Error) => void;
}

/** A change that no command meets, such as a shard without reads, is noticed after this time. */
const learnAnyway_ms = 2_000;
/** While a slot is on its way, each read of one of its keys asks for the map. */
const betweenRounds_ms = 50;
/** Nodes answer in a millisecond. One that hangs must not delay the question to the next one. */
const ask_ms = 500;

/**
 * Which shard of a Redis Cluster has which slots. The map is learned from any known node, again and again, and at once when
 * somebody asks for it, for instance because a shard says that a slot has moved.
 *
 * We do not use the Cluster class of ioredis: it follows redirects by itself and sends commands again. A command must run
 * only in the incarnation that it was meant for.
 */
export class ClusterTopology implements Part {
  readonly #options: ClusterTopologyOptions;
  #map: ClusterMap | undefined;
  #learning: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #askFirst: Node | undefined;
  #isStopped = false;
  #listeners: ((map: ClusterMap) => void)[] = [];

  constructor(options: ClusterTopologyOptions) {
    this.#options = options;
  }

  /** Undefined until a node has answered. */
  get map(): ClusterMap | undefined {
    return this.#map;
  }

  onChange(listener: (map: ClusterMap) => void): void {
    this.#listeners.push(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#isStopped = false;
    const onError = (error: unknown) => this.#options.onError(error as Error);
    await repeat(() => this.learn(), { signal, every_ms: learnAnyway_ms, onError });
    // The connections of shards close after this, and each asks for the map then.
    this.#isStopped = true;
    await this.#learning;
  }

  /**
   * Learns the map in a round that begins after this call. Concurrent callers share a round. Never rejects.
   *
   * @param askFirst a node that knows more than others may, such as one that has said that a slot moved
   */
  learn(askFirst?: Node): Promise<void> {
    this.#askFirst = askFirst ?? this.#askFirst;
    if (this.#next !== undefined) return this.#next;
    if (this.#learning === undefined) {
      this.#learning = this.#learn().finally(() => (this.#learning = undefined));
      return this.#learning;
    }
    this.#next = this.#learning.then(async () => {
      await pause(betweenRounds_ms);
      this.#next = undefined;
      await this.learn();
    });
    return this.#next;
  }

  /**
   * The first answer that is not older than ours counts. A node that was cut off from the others has an older map.
   * If every answer is older, the cluster was set up anew: then the newest of them counts.
   */
  async #learn(): Promise<void> {
    if (this.#isStopped) return;
    let newest: ClusterMap | undefined;
    const first = this.#askFirst === undefined ? [] : [this.#askFirst];
    this.#askFirst = undefined;
    for (const node of [...first, ...this.#nodesInAnyOrder()]) {
      const map = await this.#ask(node).catch((error: unknown) => this.#options.onError(error as Error));
      if (map === undefined) continue;
      if (newest === undefined || map.age > newest.age) newest = map;
      if (newest.age >= (this.#map?.age ?? 0)) break;
    }
    if (newest === undefined || isSame(newest, this.#map)) return;
    this.#map = newest;
    for (const listener of this.#listeners) listener(newest);
  }

  /** Another node each time: the one that answered last may be cut off from the others. */
  #nodesInAnyOrder(): Node[] {
    const { nodes } = this.#options.address;
    const known = new Map(
      [...(this.#map?.nodes ?? []), ...nodes].map((node) => [`${node.host} ${node.port}`, node]),
    );
    return [...known.values()]
      .map((node) => ({ node, place: Math.random() }))
      .toSorted((a, b) => a.place - b.place)
      .map(({ node }) => node);
  }

  async #ask({ host, port }: Node): Promise<ClusterMap> {
    const { address, name, onError } = this.#options;
    const { username, password } = address;
    const redis = new Redis({
      host,
      port,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      connectionName: name,
      lazyConnect: true,
      // CLUSTER NODES is answered while the node loads its data.
      enableReadyCheck: false,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      connectTimeout: ask_ms,
      commandTimeout: ask_ms,
    });
    redis.on('error', onError);
    const late = () => new Error(`the Redis node ${host}:${port} does not answer in time`);
    const answer = async () => {
      await redis.connect();
      return parseClusterNodes(String(await redis.cluster('NODES')), host);
    };
    try {
      // A round that never ended would end all learning.
      return await withDeadline(answer, { after_ms: 2 * ask_ms, late });
    } finally {
      redis.disconnect();
    }
  }
}

function isSame(one: ClusterMap, other: ClusterMap | undefined): boolean {
  const addresses = ({ shards }: ClusterMap) => shards.map(({ host, port }) => `${host} ${port}`).join();
  return other !== undefined && one.hash === other.hash && addresses(one) === addresses(other);
}
