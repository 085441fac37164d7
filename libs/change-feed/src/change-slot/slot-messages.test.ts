import { expect, test } from 'vitest';
import { type Milestone, type SlotChange, SlotMessages } from './slot-messages.ts';

const uint64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const data = (...parts: Buffer[]): Buffer => Buffer.concat([Buffer.from('w'), Buffer.alloc(24), ...parts]);
/** @param committedAt_us in µs since 2000 */
const begin = (transaction: number, committedAt_us: number): Buffer =>
  data(Buffer.from('B'), uint64(1), uint64(committedAt_us), uint32(transaction));
const message = (prefix: string, content: string, { isTransactional = true, position = 0 } = {}): Buffer =>
  data(
    Buffer.from('M'),
    Buffer.from([isTransactional ? 1 : 0]),
    uint64(position),
    Buffer.from(`${prefix}\0`),
    uint32(Buffer.byteLength(content)),
    Buffer.from(content),
  );

function read(...chunks: Buffer[]) {
  const changes: SlotChange[] = [];
  const milestones: Milestone[] = [];
  const messages = new SlotMessages({
    onChange: (change) => changes.push(change),
    onMilestone: (milestone) => milestones.push(milestone),
  });
  for (const chunk of chunks) messages.read(chunk);
  return { changes, milestones };
}

test('a change has the number and the time of its transaction, and a key with blanks stays whole', () => {
  const { changes } = read(
    begin(4_294_967_295, 1_500),
    message('catalog', '12 product 0198'),
    message('catalog', '9007199254740991 sku A  b Ü'),
    data(Buffer.from('C'), Buffer.alloc(25)),
    begin(7, 3_000),
    message('catalog', '13 settings app'),
  );
  const first = { transaction: 4_294_967_295, committedAt_ms: Date.UTC(2000) + 1.5 };
  expect(changes).toEqual([
    { ...first, version: 12, entity: 'product', key: '0198' },
    { ...first, version: Number.MAX_SAFE_INTEGER, entity: 'sku', key: 'A  b Ü' },
    { transaction: 7, committedAt_ms: Date.UTC(2000) + 3, version: 13, entity: 'settings', key: 'app' },
  ]);
});

test('a milestone has its position and its time', () => {
  const { milestones } = read(
    message('catalog milestone', '1700000000.25', { isTransactional: false, position: 2 ** 40 + 8 }),
  );
  expect(milestones).toEqual([{ position: 2 ** 40 + 8, writtenAt_s: 1_700_000_000.25 }]);
});

test('messages of other programs and keepalives are ignored', () => {
  const keepalive = Buffer.concat([Buffer.from('k'), Buffer.alloc(17)]);
  const found = read(
    keepalive,
    message('another', '1 product x'),
    message('catalog', '1 product x', { isTransactional: false }),
    message('catalog milestone', '1', { isTransactional: true }),
  );
  expect(found).toEqual({ changes: [], milestones: [] });
});

test.each([
  ['nothing', ''],
  ['no version', 'x product y'],
  ['no key', '1 product'],
  ['no entity', '1  y'],
  ['a key that is too long', `1 product ${'x'.repeat(513)}`],
  ['a negative version', '-1 product y'],
])('a change with %s is refused', (_what, content) => {
  expect(() => read(message('catalog', content))).toThrow(RangeError);
});
