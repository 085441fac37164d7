import { expect, test } from 'vitest';
import { parseClusterNodes, viewHasSlot } from './cluster-map.ts';
import { slotOf } from './key-slot.ts';

const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(40)) as [string, string, string];
const nodes = (epochOfA = 1, slotsOfA = '0-8000 8003') =>
  [
    `${a} 10.0.0.1:6379@16379 myself,master - 0 0 ${epochOfA} connected ${slotsOfA} [93->-${b}]`,
    `${c} 10.0.0.3:6379@16379,replica.example slave ${a} 0 1700000000 1 connected`,
    `${b} :6380@16380 master,fail - 1700000000 1700000000 2 disconnected 8001-8002 8004-16383`,
    `${'d'.repeat(40)} :0@0 master,noaddr - 0 0 9 disconnected`,
    `${'e'.repeat(40)} 10.0.0.5:6379@16379 master - 0 0 8 connected`,
    '',
  ].join('\n');

test('the shards are the masters with slots, also those that failed', () => {
  const map = parseClusterNodes(nodes(), '10.0.0.9');
  expect(map.shards).toMatchObject([
    {
      id: a,
      host: '10.0.0.1',
      port: 6379,
      ranges: [
        [0, 8000],
        [8003, 8003],
      ],
    },
    {
      id: b,
      host: '10.0.0.9',
      port: 6380,
      ranges: [
        [8001, 8002],
        [8004, 16383],
      ],
    },
  ]);
  expect(map.age).toBe(1 * 8_002 + 2 * 8_382);
  expect(map.nodes.map(({ host }) => host)).toEqual(['10.0.0.1', '10.0.0.3', '10.0.0.9', '10.0.0.5']);
});

test('a shard has another view when its slots or its epoch change, and the others keep theirs', () => {
  const before = parseClusterNodes(nodes(), 'x');
  expect(parseClusterNodes(nodes(), 'y').hash).toBe(before.hash);
  for (const after of [parseClusterNodes(nodes(3), 'x'), parseClusterNodes(nodes(1, '0-8000'), 'x')]) {
    expect(after.hash).not.toBe(before.hash);
    expect(after.shards[0]?.view).not.toBe(before.shards[0]?.view);
    expect(after.shards[1]?.view).toBe(before.shards[1]?.view);
  }
});

test('a view names the slots of the shard', () => {
  const [shard] = parseClusterNodes(nodes(12), 'x').shards;
  expect(shard?.view).toBe('12 0-8000 8003');
  const has = (slot: number) => viewHasSlot(shard?.view ?? '', slot);
  expect([12, 0, 8000, 8003].map(has)).toEqual([true, true, true, true]);
  expect([8001, 8002, 8004, 16_383].map(has)).toEqual([false, false, false, false]);
  expect(viewHasSlot('', 0)).toBe(false);
});

test('a node without a cluster is refused', () => {
  expect(() => parseClusterNodes(`${a} :6379@16379 myself,master - 0 0 0 connected\n`, 'x')).toThrow(
    'no cluster',
  );
});

test('a key is in the slot that Redis says, and a tag keeps keys together', () => {
  expect(slotOf('123456789')).toBe(12_739);
  expect(slotOf('list:{generation:products}:x')).toBe(slotOf('generation:products'));
});
