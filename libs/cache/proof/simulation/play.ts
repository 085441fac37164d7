import { vi } from 'vitest';
import type { Breakable } from './process.ts';
import type { Schedule } from './schedule.ts';
import { World } from './world.ts';

/** Node's own, which fake timers do not replace. */
const realImmediate = setImmediate;
const nextTurn = () =>
  new Promise<void>((resolve) => {
    realImmediate(resolve);
  });

/** What the last step has set off gets on, up to where it waits for a store or for time. */
async function comeToRest(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    await nextTurn();
    vi.advanceTimersByTime(0);
  }
  await nextTurn();
}

/** All faults end and the worker catches up: then everyone answers what is true, within one more second. */
async function heal(world: World): Promise<void> {
  world.story.push('all faults end');
  world.setRedis(true);
  world.setPrimary(true);
  const getOn = async (wait_ms: number) => {
    for (let round = 0; round < 6; round++) {
      world.goOn(1);
      await comeToRest();
      vi.advanceTimersByTime(wait_ms);
    }
  };
  world.reconnect();
  // Whatever was under way is answered or given up, and breakers try again.
  await getOn(600);
  world.reconnect();
  world.catchUp();
  for (const process of world.processes) process.ping();
  world.heartbeat();
  for (const process of world.processes) process.receive(1_000);
  const reads = world.readAll();
  // Who waits for the lease of another waits for 50 ms.
  await getOn(10);
  await getOn(10);
  world.judgeHealed(reads);
}

/** Plays a schedule up to the first rule that is broken; the clock must be vitest's. */
export async function play({ isNarrow, faults, actions }: Schedule, broken: Breakable = {}): Promise<World> {
  const world = new World(broken, isNarrow);
  world.reconnect();
  world.heartbeat();
  for (const process of world.processes) process.receive(2);
  for (const { told, fault, run } of actions) {
    if (fault !== undefined && !faults.includes(fault)) continue;
    world.story.push(told);
    run(world);
    await comeToRest();
    world.checkStores();
    if (world.violations.length > 0) return world;
  }
  await heal(world);
  return world;
}
