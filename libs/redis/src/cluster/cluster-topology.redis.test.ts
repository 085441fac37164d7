import { eventually, type RedisCluster, type RedisServer, startRedisCluster } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clusterAddress } from '../redis-urls.ts';
import { ClusterTopology } from './cluster-topology.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
}, 60_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());

function topologyOf(url: string): ClusterTopology {
  const address = clusterAddress(url);
  if (address === undefined) throw new Error(`${url} names no cluster`);
  return new ClusterTopology({ address, name: 'test', onError: () => undefined });
}
const sorted = (nodes: readonly { readonly port: number }[] = []) =>
  nodes.map(({ port }) => port).toSorted((a, b) => a - b);
const portsOf = ({ map }: ClusterTopology) => sorted(map?.shards);

test('the map is learned from one node, and all processes agree on it', async () => {
  const [first, , third] = cluster.nodes;
  const [one, other] = [first, third].map((node) => topologyOf(`redis+cluster://127.0.0.1:${node?.port}`));
  await Promise.all([one?.learn(), other?.learn()]);
  expect(one && portsOf(one)).toEqual(sorted(cluster.nodes.slice(0, 3)));
  expect(one?.map?.hash).toBe(other?.map?.hash);
});

test('a node that refuses the user is passed over', async () => {
  const user = (node: RedisServer, ...rules: string[]) =>
    cluster.client(node).acl('SETUSER', 'reader', ...rules);
  const [first, ...others] = cluster.nodes;
  if (first === undefined) return;
  const right = 'right';
  for (const node of others) await user(node, 'on', `>${right}`, '+@all');
  await user(first, 'on', '>other', '+@all');
  for (let round = 0; round < 5; round++) {
    const topology = topologyOf(
      `redis+cluster://reader:${right}@127.0.0.1:${first.port},127.0.0.1:${others[0]?.port}`,
    );
    await topology.learn({ host: '127.0.0.1', port: first.port });
    expect(topology.map?.shards).toHaveLength(3);
  }
}, 30_000);

test('concurrent callers share a round, which begins after the call', async () => {
  const topology = topologyOf(cluster.url);
  const first = topology.learn();
  const second = topology.learn();
  expect(second).not.toBe(first);
  expect(topology.learn()).toBe(second);
  await second;
});

test('a slot that moves away and back leaves no view as it was before', async () => {
  const topology = topologyOf(cluster.url);
  const [a, b] = cluster.nodes;
  if (a === undefined || b === undefined) return;
  await topology.learn();
  const views = () => topology.map?.shards.map(({ view }) => view) ?? [];
  const [before, hash, age = 0] = [views(), topology.map?.hash, topology.map?.age];
  await cluster.moveSlot(0, b);
  await eventually(() => topology.learn().then(() => topology.map?.hash !== hash), { timeout_ms: 5_000 });
  expect(views().filter((view) => !before.includes(view))).toHaveLength(2);
  const { hash: moved, age: ageMoved = 0 } = topology.map ?? {};
  expect(ageMoved).toBeGreaterThan(age);
  await cluster.moveSlot(0, a);
  await eventually(() => topology.learn().then(() => topology.map?.hash !== moved), { timeout_ms: 5_000 });
  expect(views().filter((view) => !before.includes(view))).toHaveLength(2);
  expect(topology.map?.age).toBeGreaterThan(ageMoved);
});

test('a failover gives one shard another address, and leaves the others as they were', async () => {
  const topology = topologyOf(cluster.url);
  await topology.learn();
  const [master] = cluster.nodes;
  const replica = cluster.nodes[3];
  const others = topology.map?.shards.filter(({ port }) => port !== master?.port);
  await master?.kill('SIGKILL');
  await eventually(() => topology.learn().then(() => portsOf(topology).includes(replica?.port ?? 0)), {
    timeout_ms: 30_000,
  });
  expect(others).toHaveLength(2);
  expect(topology.map?.shards).toEqual(expect.arrayContaining(others ?? []));
  expect(portsOf(topology)).toHaveLength(3);
}, 60_000);
