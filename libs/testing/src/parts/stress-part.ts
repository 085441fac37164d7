import { getActiveResourcesInfo } from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { eventually } from '../time/eventually.ts';

/** The same as `Part` of `@catalog/runtime`, which this lib does not import: the tests of that package use this lib. */
interface Part {
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Starts and stops a part at many moments: before its first step, in the middle of one, twice in a row. Fails when a
 * run does not end within `patience_ms` after its stop, rejects, or leaves timers or sockets for longer than that.
 *
 * @param create makes a new part, or gives the same one each time: a part may run again after it has ended
 */
export async function stressPart(
  create: () => Part,
  { rounds = 20, patience_ms = 5_000 }: { rounds?: number; patience_ms?: number } = {},
): Promise<void> {
  const before = activeResources();
  for (let round = 0; round < rounds; round++) {
    const controller = new AbortController();
    // Round 0 is stopped before it starts.
    if (round === 0) controller.abort();
    const run = create().run(controller.signal);
    for (let turn = 0; turn < round * 2; turn++) await nextTurn();
    controller.abort();
    await endsWithin(patience_ms, run, round);
  }
  // A closed socket needs some turns of the loop until the other end has answered.
  await eventually(
    () => {
      for (const [resource, count] of activeResources()) {
        const excess = count - (before.get(resource) ?? 0);
        if (excess > 0) throw new Error(`the part left ${excess} × ${resource} behind`);
      }
    },
    { timeout_ms: patience_ms },
  );
}

async function endsWithin(patience_ms: number, run: Promise<void>, round: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new Error(`round ${round}: the part did not end within ${patience_ms} ms after its stop`);
    timer = setTimeout(() => reject(error), patience_ms);
  });
  try {
    await Promise.race([run, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What keeps this process busy, by kind. */
function activeResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const resource of getActiveResourcesInfo()) counts.set(resource, (counts.get(resource) ?? 0) + 1);
  return counts;
}
