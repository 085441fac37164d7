/** Every part of the feed starts and stops in any order, and leaves nothing behind. */
import { stressPart } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ChangeSlot } from './change-slot/change-slot.ts';
import { Lander } from './change-slot/lander.ts';
import { DoorbellListener } from './doorbell/doorbell-listener.ts';
import { AwakeLock } from './relay/awake-lock.ts';
import { Relay } from './relay/relay.ts';
import { type FeedDatabase, feedDatabase } from './testing/feed-database.ts';

let feed: FeedDatabase;
beforeAll(async () => {
  feed = await feedDatabase();
  // The pool keeps its connections. Open them before the stress counts what is left behind.
  const sessions = await Promise.all(Array.from({ length: 6 }, () => feed.pool.connect()));
  for (const session of sessions) session.release();
});
afterAll(() => feed[Symbol.asyncDispose]());

const ignore = () => undefined;

test('relay', async () => {
  await feed.insertChanges(10);
  await expect(
    stressPart(() => {
      const awakeLock = new AwakeLock({ databaseUrl: feed.workerUrl, onError: ignore });
      // As an awake relay does.
      awakeLock.request();
      return new Relay({
        outbox: feed.outbox,
        awakeLock,
        dispatch: (changes) => feed.outbox.release(changes),
        hasRoom: async () => true,
        mayDispatch: () => true,
        onError: ignore,
      });
    }),
  ).resolves.toBeUndefined();
});

test('doorbell listener', async () => {
  await expect(
    stressPart(
      () =>
        new DoorbellListener({
          databaseUrl: feed.workerUrl,
          onRing: ignore,
          onListening: ignore,
          onError: ignore,
        }),
    ),
  ).resolves.toBeUndefined();
});

test('outbox retention', async () => {
  await expect(stressPart(() => feed.retention)).resolves.toBeUndefined();
});

test('lander', async () => {
  const slot = new ChangeSlot(feed.pool);
  await slot.want('slot');
  await expect(
    stressPart(
      () =>
        new Lander({
          databaseUrl: feed.workerUrl,
          slot,
          source: undefined,
          outbox: feed.outbox,
          mayHold: () => true,
          dispatch: (changes) => feed.outbox.release(changes),
          hasRoom: async () => true,
          onWaiting: ignore,
          onLost: ignore,
          purge: async () => undefined,
          onError: ignore,
        }),
    ),
  ).resolves.toBeUndefined();
});
