import { setTimeout as pause } from 'node:timers/promises';
import { startPart } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import pg from 'pg';
import { DoorbellListener } from '../doorbell/doorbell-listener.ts';
import { Outbox, type ClaimedChange } from '../outbox/outbox.ts';
import { AwakeLock } from '../relay/awake-lock.ts';
import { Relay, type RelayOptions } from '../relay/relay.ts';
import type { FeedDatabase } from './feed-database.ts';

export interface RelayHooks {
  readonly outbox?: Outbox;
  readonly on?: FeedDatabase;
  readonly dispatch?: (changes: readonly ClaimedChange[]) => Promise<void>;
  readonly hasRoom?: () => boolean;
  readonly mayDispatch?: () => boolean;
  readonly directUrl?: string;
  readonly listens?: boolean;
}

/** Starts relays on one database. They run until `stop`. */
export function relaysOn(feed: FeedDatabase) {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(stops.splice(0).map((each) => each()));
  };
  return { startRelay, neverEndingChanges, stop };

  /**
   * Keeps a relay awake until `stop`, however slow the machine is: each dispatch commits a change for the next look.
   * `dispatch` is the hook for the relay.
   */
  function neverEndingChanges() {
    let goesOn = false;
    const commitNext = async () => {
      if (goesOn) await feed.insertProducts(1);
    };
    return {
      dispatch: commitNext,
      async start() {
        goesOn = true;
        await commitNext();
      },
      stop() {
        goesOn = false;
      },
    };
  }

  /** A relay that records what it dispatches, and a listener that wakes it. */
  async function startRelay(hooks: RelayHooks = {}) {
    const on = hooks.on ?? feed;
    const dispatched: ClaimedChange[] = [];
    const errors: unknown[] = [];
    let looks = 0;
    const onError = (error: unknown) => errors.push(error);
    const awakeLock = new AwakeLock({ databaseUrl: hooks.directUrl ?? on.workerUrl, onError });
    const options: RelayOptions = {
      outbox: hooks.outbox ?? new Outbox(on.pool),
      awakeLock,
      dispatch: async (changes) => {
        await hooks.dispatch?.(changes);
        dispatched.push(...changes);
      },
      hasRoom: async () => hooks.hasRoom?.() ?? true,
      mayDispatch: () => {
        looks += 1;
        return hooks.mayDispatch?.() ?? true;
      },
      onError,
    };
    const relay = new Relay(options);
    const running = startPart(relay);
    stops.push(running.stop);
    if (hooks.listens !== false) {
      const ready = Promise.withResolvers<void>();
      const listener = new DoorbellListener({
        databaseUrl: on.workerUrl,
        onRing: () => relay.ring(),
        onListening: () => ready.resolve(),
        onError,
      });
      stops.push(startPart(listener).stop);
      await ready.promise;
    }
    const bell = await countRings(on);
    stops.push(bell.stop);
    return {
      relay,
      stop: running.stop,
      awakeLock,
      dispatched,
      errors,
      /** How often it has looked into the outbox. */
      looks: () => looks,
      /** How often the doorbell has rung. Waits for rings that are on their way. */
      rings: bell.rings,
      dispatchedKeys: () => new Set(dispatched.map(({ key }) => key)),
      /** Waits until its next look without a ring is far away. */
      asleep: async () => {
        await eventually(() => !awakeLock.isSilencing);
        await pause(600);
      },
    };
  }
}

async function countRings({ workerUrl }: FeedDatabase) {
  const client = new pg.Client({ connectionString: workerUrl });
  let rings = 0;
  let marks = 0;
  let heardMark = 0;
  client.on('notification', ({ payload = '' }) => {
    if (payload === '') rings += 1;
    // A relay takes it for the canary of another worker.
    else if (payload.startsWith('canary mark ')) heardMark = Number(payload.slice('canary mark '.length));
  });
  await client.connect();
  await client.query('listen catalog_outbox');
  return {
    async rings() {
      marks += 1;
      const mark = marks;
      await client.query(`notify catalog_outbox, 'canary mark ${mark}'`);
      await eventually(() => heardMark >= mark);
      return rings;
    },
    stop: () => client.end(),
  };
}
