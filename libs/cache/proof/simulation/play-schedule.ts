import { vi } from 'vitest';
import type { Replacements } from './simulated-process.ts';
import type { Schedule } from './schedule.ts';
import { World } from './world.ts';

/** Node's own function; fake timers do not replace this reference. */
const realImmediate = setImmediate;
const nextTurn = () =>
  new Promise<void>((resolve) => {
    realImmediate(resolve);
  });

/** Lets the code run until it waits for a store or for time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    await nextTurn();
    vi.advanceTimersByTime(0);
  }
  await nextTurn();
}

/** Ends all faults and lets the worker catch up. Within one more second every process must give the newest version. */
async function heal(world: World): Promise<void> {
  world.story.push('all faults end');
  world.setRedis(true);
  world.setPrimary(true);
  for (const process of world.processes) process.isOnStandby = false;
  world.primary.failures = 0;
  world.releaseFeed();
  world.allowAll();
  const continueCalls = async (wait_ms: number) => {
    for (let round = 0; round < 6; round++) {
      world.continueAll(1);
      await settle();
      vi.advanceTimersByTime(wait_ms);
    }
  };
  world.reconnect();
  // Calls in flight are answered or time out, and the breakers allow a new try.
  await continueCalls(600);
  world.reconnect();
  world.catchUp();
  for (const process of world.processes) process.ping();
  world.heartbeat();
  for (const process of world.processes) process.receive(1_000);
  const reads = world.readAll();
  // MGET, INFO and their answer come before the first script. A reader that waits for another's lease waits for 50 ms.
  for (let times = 0; times < 3; times++) await continueCalls(10);
  world.judgeHealed(reads);
}

/** Plays a schedule up to the first broken rule. Needs vitest's fake clock. */
export async function playSchedule(
  { isNarrow, faults, actions }: Schedule,
  replaced: Replacements = {},
): Promise<World> {
  const world = new World(replaced, isNarrow);
  world.reconnect();
  world.heartbeat();
  for (const process of world.processes) process.receive(2);
  for (const { description, fault, run } of actions) {
    if (fault !== undefined && !faults.includes(fault)) continue;
    world.story.push(description);
    run(world);
    await settle();
    world.checkStores();
    if (world.violations.length > 0) return world;
  }
  await heal(world);
  return world;
}
