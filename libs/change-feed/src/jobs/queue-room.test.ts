import { expect, test } from 'vitest';
import { QueueRoom } from './queue-room.ts';

test('the queue is asked only when what was added since could have filled it', async () => {
  let waiting = 2;
  let asked = 0;
  const room = new QueueRoom({
    count: async () => {
      asked += 1;
      return waiting;
    },
    limit: 8,
  });
  expect(await room.hasRoom()).toBe(true);
  room.added(5);
  expect([await room.hasRoom(), asked]).toEqual([true, 1]);
  room.added(1);
  waiting = 8;
  expect([await room.hasRoom(), asked]).toEqual([false, 2]);
  expect([await room.hasRoom(), asked]).toEqual([false, 3]);
  waiting = 7;
  expect([await room.hasRoom(), asked]).toEqual([true, 4]);
});
