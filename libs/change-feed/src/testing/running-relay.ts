import { setTimeout as pause } from 'node:timers/promises';
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

/** Relays on one database. They run until `stop`. */
export function relaysOn(feed: FeedDatabase) {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(stops.splice(0).map((each) => each()));
  };
  return { startRelay, neverEndingChanges, stop };

  /**
   * Keeps a relay awake until it is stopped, however slow the machine is: each dispatch commits what the next look finds.
   * `dispatch` is the relay's hook.
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

  /** A relay that notes what it dispatches, and a listener that wakes it. */
  async function startRelay(hooks: RelayHooks = {}) {
    const on = hooks.on ?? feed;
    const dispatched: ClaimedChange[] = [];
    const errors: unknown[] = [];
    let looks = 0;
    const onError = (error: unknown) => errors.push(error);
    const awakeLock = new AwakeLock(hooks.directUrl ?? on.workerUrl, onError);
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
    relay.start();
    stops.push(() => relay.stop());
    if (hooks.listens !== false) {
      const ready = Promise.withResolvers<void>();
      const listener = new DoorbellListener({
        databaseUrl: on.workerUrl,
        onRing: () => relay.ring(),
        onListening: () => ready.resolve(),
        onError,
      });
      listener.start();
      stops.push(() => listener.stop());
      await ready.promise;
    }
    const bell = await countRings(on);
    stops.push(bell.stop);
    return {
      relay,
      awakeLock,
      dispatched,
      errors,
      /** How often it has looked into the outbox. */
      looks: () => looks,
      /** How often anybody has rung by now; what is still on its way is waited for. */
      rings: bell.rings,
      dispatchedKeys: () => new Set(dispatched.map(({ key }) => key)),
      /** It sleeps soundly: its next look of its own is far away. */
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
    // Relays take it for the canary of somebody else.
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
