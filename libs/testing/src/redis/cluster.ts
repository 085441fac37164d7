import { Redis } from 'ioredis';
import { freePort } from '../network/free-ports.ts';
import { eventually } from '../time/eventually.ts';
import { type RedisServer, startRedis } from './server.ts';

export interface RedisCluster extends AsyncDisposable {
  /** `redis+cluster://…`, with all nodes. */
  readonly url: string;
  /** At the start the first three are the masters, and each of the others is the replica of the one three places before. */
  readonly nodes: readonly RedisServer[];
  /** A connection for commands of the test. It follows no redirect. */
  client(node: RedisServer): Redis;
  /** The nodes that have slots, by the majority of the nodes. */
  masters(): Promise<readonly RedisServer[]>;
  /** The node that has the slot, as most of the nodes say. */
  ownerOf(slot: number): Promise<RedisServer>;
  /** Moves a slot with its keys from its owner to another master. `before` runs when the keys have moved and the slot has not. */
  moveSlot(slot: number, to: RedisServer, before?: () => Promise<void>): Promise<void>;
  /** Resolves when all nodes run and know each other, and every replica follows its master. */
  healed(): Promise<void>;
}

const masters = 3;
const slotCount = 16_384;
/** A failed master is replaced after about this time. */
const nodeTimeout_ms = 500;
/** A paused node must not hold up a test. The longest command of a test takes a second. */
const command_ms = 2_000;

/** Three masters and a replica of each, on one machine. */
export async function startRedisCluster(
  options: { config?: Record<string, string> } = {},
): Promise<RedisCluster> {
  const nodes: RedisServer[] = [];
  const clients = new Map<RedisServer, Redis>();
  const client = (node: RedisServer): Redis => {
    const options = { maxRetriesPerRequest: 0, commandTimeout: command_ms, retryStrategy: () => 50 };
    const known = clients.get(node) ?? new Redis(node.url, options);
    if (!clients.has(node)) known.on('error', () => undefined);
    clients.set(node, known);
    return known;
  };
  const stop = async () => {
    for (const each of clients.values()) each.disconnect();
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    for (let index = 0; index < 2 * masters; index += 1) nodes.push(await startNode(options.config));
    await join(nodes, client);
    await everyNode(nodes, (node) => isWhole(client(node)));
  } catch (error) {
    await stop();
    throw error;
  }
  const idOf = (node: RedisServer) => client(node).cluster('MYID');
  const slotsAsKnown = async () => {
    const known = await Promise.all(nodes.map((node) => rangesOf(client(node)).catch(() => undefined)));
    return known.filter((ranges) => ranges !== undefined);
  };
  const ownerOf = async (slot: number) => {
    const known = await slotsAsKnown();
    const ports = known.map(
      (ranges) => ranges.find(({ first, last }) => first <= slot && slot <= last)?.port,
    );
    const port = ports
      .filter((each) => each !== undefined)
      .toSorted(
        (a, b) => ports.filter((each) => each === b).length - ports.filter((each) => each === a).length,
      )[0];
    const owner = nodes.find((node) => node.port === port);
    if (owner === undefined) throw new Error(`no node has slot ${slot}`);
    return owner;
  };
  return {
    url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    nodes,
    client,
    ownerOf,
    async masters() {
      const known = await slotsAsKnown();
      const isKnown = ({ port }: RedisServer) =>
        known.filter((ranges) => ranges.some((range) => range.port === port)).length > known.length / 2;
      return nodes.filter(isKnown);
    },
    async moveSlot(slot, to, before) {
      const from = await ownerOf(slot);
      const [source, target] = [client(from), client(to)];
      const [fromId, toId] = await Promise.all([idOf(from), idOf(to)]);
      await target.cluster('SETSLOT', slot, 'IMPORTING', fromId);
      await source.cluster('SETSLOT', slot, 'MIGRATING', toId);
      for (;;) {
        const keys = await source.cluster('GETKEYSINSLOT', slot, 100);
        if (keys.length === 0) break;
        await source.call('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'KEYS', ...keys);
      }
      await before?.();
      await target.cluster('SETSLOT', slot, 'NODE', toId);
      await source.cluster('SETSLOT', slot, 'NODE', toId);
    },
    healed: () => everyNode(nodes, (node) => isWhole(client(node))),
    [Symbol.asyncDispose]: stop,
  };
}

async function startNode(config: Record<string, string> = {}): Promise<RedisServer> {
  return startRedis({
    config: {
      'cluster-enabled': 'yes',
      'cluster-config-file': 'nodes.conf',
      'cluster-node-timeout': String(nodeTimeout_ms),
      // The default, the port plus 10,000, may be above all ports.
      'cluster-port': String(await freePort()),
      // The slots of the other masters stay readable while one is away.
      'cluster-require-full-coverage': 'no',
      // A replica that lost its master long ago may still be promoted.
      'cluster-replica-validity-factor': '0',
      'repl-diskless-sync-delay': '0',
      ...config,
    },
  });
}

async function join(nodes: readonly RedisServer[], client: (node: RedisServer) => Redis): Promise<void> {
  const [first, ...others] = nodes;
  if (first === undefined) return;
  const busPort = async (node: RedisServer) => {
    const [, port] = await client(node).config('GET', 'cluster-port');
    return port ?? '';
  };
  // Different from the beginning, so that no two masters have to agree on their epochs first.
  for (const [index, node] of nodes.entries()) await client(node).cluster('SET-CONFIG-EPOCH', index + 1);
  for (const node of others) {
    await client(first).call('CLUSTER', 'MEET', '127.0.0.1', String(node.port), await busPort(node));
  }
  const size = Math.ceil(slotCount / masters);
  for (const [index, node] of nodes.slice(0, masters).entries()) {
    const last = Math.min(slotCount, (index + 1) * size) - 1;
    await client(node).call('CLUSTER', 'ADDSLOTSRANGE', String(index * size), String(last));
  }
  const info = (node: RedisServer) => client(node).cluster('INFO');
  const knowsAll = `cluster_known_nodes:${nodes.length}`;
  await everyNode(nodes, async (node) => (await info(node)).includes(knowsAll));
  for (const [index, replica] of nodes.slice(masters).entries()) {
    const master = nodes[index];
    if (master === undefined) continue;
    await client(replica).cluster('REPLICATE', await client(master).cluster('MYID'));
  }
}

async function isWhole(redis: Redis): Promise<boolean> {
  const isOk = (await redis.cluster('INFO')).includes('cluster_state:ok');
  const nodesText = String(await redis.cluster('NODES'));
  const replication = await redis.info('replication');
  const isLinked = /role:master/.test(replication)
    ? /connected_slaves:1/.test(replication)
    : /master_link_status:up/.test(replication);
  return (
    isOk && isLinked && nodesText.match(/\bslave\b/g)?.length === masters && !/handshake|fail/.test(nodesText)
  );
}

async function everyNode(
  nodes: readonly RedisServer[],
  holds: (node: RedisServer) => Promise<boolean>,
): Promise<void> {
  for (const node of nodes) await eventually(() => holds(node), { timeout_ms: 30_000 });
}

async function rangesOf(redis: Redis): Promise<{ first: number; last: number; port: number | undefined }[]> {
  const ranges = await redis.cluster('SLOTS');
  return ranges.map(([first, last, master]) => ({ first, last, port: master?.[1] }));
}
