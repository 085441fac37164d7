import { startPart } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { ChangeSlot, type ChangeSource } from '../change-slot/change-slot.ts';
import { Lander, type LanderOptions } from '../change-slot/lander.ts';
import type { ClaimedChange } from '../outbox/outbox.ts';
import type { FeedDatabase } from './feed-database.ts';

export type LanderHooks = Partial<
  Pick<LanderOptions, 'dispatch' | 'hasRoom' | 'mayHold' | 'purge' | 'databaseUrl'>
>;

/** A step takes a tick of a second at most. */
const patience = { timeout_ms: 15_000 };

/** Starts landers on one database. They run until `stop`. */
export function landersOn(feed: FeedDatabase) {
  const stops: (() => Promise<void>)[] = [];
  const slot = new ChangeSlot(feed.pool);
  return {
    slot,
    /** A lander that records what it dispatches. */
    startLander(hooks: LanderHooks = {}) {
      const dispatched: ClaimedChange[] = [];
      const errors: unknown[] = [];
      const lost: string[] = [];
      const purged: string[] = [];
      const lander = new Lander({
        databaseUrl: feed.workerUrl,
        slot,
        source: undefined,
        outbox: feed.outbox,
        mayHold: () => true,
        hasRoom: async () => true,
        onWaiting: () => undefined,
        onLost: (reason) => lost.push(reason),
        onError: (error) => errors.push(error),
        ...hooks,
        async dispatch(changes) {
          await hooks.dispatch?.(changes);
          dispatched.push(...changes);
        },
        async purge(reason) {
          await hooks.purge?.(reason);
          purged.push(reason);
        },
      });
      const running = startPart(lander);
      stops.push(running.stop);
      return { stop: running.stop, dispatched, errors, lost, purged };
    },
    /** Waits until the switch to this source is complete. */
    async switchTo(source: ChangeSource) {
      await slot.want(source);
      await eventually(async () => {
        const summary = await slot.summary();
        return summary.source === source && summary.inUse === (source === 'slot') && !summary.isLost;
      }, patience);
    },
    /** Waits until everything that is committed by now is in the outbox. */
    async landed() {
      if (!(await slot.untilLanded(patience.timeout_ms))) throw new Error('the changes do not land');
    },
    async stop() {
      await Promise.all(stops.splice(0).map((each) => each()));
    },
  };
}
