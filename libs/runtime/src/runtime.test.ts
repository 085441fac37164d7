import { stressPart } from '@catalog/testing';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { backoff, Flag, pause, repeat, startPart, together, untilAborted, withDeadline } from './index.ts';

const late = () => new Error('late');
const never = () => new Promise<never>(() => undefined);

test('the pause after a failure doubles up to its limit', () => {
  const delay_ms = backoff({ first_ms: 10, most_ms: 50 });
  expect([1, 2, 3, 4, 2_000].map(delay_ms)).toEqual([10, 20, 40, 50, 50]);
});

test('a pause ends when its signal aborts, also when it had aborted before', async () => {
  const controller = new AbortController();
  const began_ms = performance.now();
  const paused = pause(60_000, controller.signal);
  controller.abort();
  await paused;
  await pause(60_000, controller.signal);
  expect(performance.now() - began_ms).toBeLessThan(60_000);
});

test('a flag ends a wait: raised meanwhile, raised before, by the time, and by the signal', async () => {
  const flag = new Flag();
  const controller = new AbortController();
  const waiting = flag.wait(controller.signal);
  flag.raise();
  await waiting;
  await flag.wait(controller.signal, 60_000);
  flag.lower();
  await flag.wait(controller.signal, 1);
  expect(flag.isRaised).toBe(false);
  const ended = untilAborted(controller.signal);
  controller.abort();
  await Promise.all([flag.wait(controller.signal), ended, untilAborted(controller.signal)]);
});

test('work that is in time gives its result, and its failure', async () => {
  expect(await withDeadline(async () => 1, { after_ms: 10_000, late })).toBe(1);
  expect(await withDeadline(async () => 2, { until_ms: Number.POSITIVE_INFINITY, late })).toBe(2);
  const failing = withDeadline(() => Promise.reject(new Error('broken')), { after_ms: 10_000, late });
  await expect(failing).rejects.toThrow('broken');
});

test('the caller of late work hears that it is late, and the work is told so by its signal', async () => {
  let told: AbortSignal | undefined;
  const work = (signal: AbortSignal) => {
    told = signal;
    return never();
  };
  await expect(withDeadline(work, { after_ms: 5, late })).rejects.toThrow('late');
  expect(told?.aborted).toBe(true);
});

test('a caller that gives up hears the reason of its signal at once, and the work is told so', async () => {
  const caller = new AbortController();
  let told: AbortSignal | undefined;
  const work = (signal: AbortSignal) => {
    told = signal;
    return never();
  };
  const reason = new Error('gave up');
  const limited = withDeadline(work, { after_ms: 60_000, late, signal: caller.signal });
  const unlimited = withDeadline(never, { until_ms: Infinity, late, signal: caller.signal });
  caller.abort(reason);
  await expect(limited).rejects.toBe(reason);
  await expect(unlimited).rejects.toBe(reason);
  expect(told?.reason).toBe(reason);
  await expect(withDeadline(work, { after_ms: 60_000, late, signal: caller.signal })).rejects.toBe(reason);
});

test('work whose time is over does not begin', async () => {
  let began = false;
  const work = async () => {
    began = true;
  };
  await expect(withDeadline(work, { until_ms: performance.now() - 1, late })).rejects.toThrow('late');
  expect(began).toBe(false);
});

test('work that fails after its deadline does not end the process', async () => {
  const work = Promise.withResolvers<never>();
  await expect(withDeadline(() => work.promise, { after_ms: 1, late })).rejects.toThrow('late');
  work.reject(new Error('too late to matter'));
  await pause(1);
});

test('a loop reports a failed round, waits as its backoff says, and goes on until it is stopped', async () => {
  const errors: unknown[] = [];
  const waits: number[] = [];
  let rounds = 0;
  const done = Promise.withResolvers<void>();
  const part = startPart({
    run: (signal) =>
      repeat(
        async () => {
          rounds += 1;
          if (rounds < 3) throw new Error(`round ${rounds}`);
          done.resolve();
        },
        {
          signal,
          every_ms: 1,
          onError: (error) => errors.push(error),
          backoff: (failures) => {
            waits.push(failures);
            return 1;
          },
        },
      ),
  });
  await done.promise;
  await part.stop();
  expect(errors.map(String)).toEqual(['Error: round 1', 'Error: round 2']);
  expect(waits).toEqual([1, 2]);
});

test('a stopped loop lets the round end that has begun', async () => {
  const began = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  let ended = false;
  const part = startPart({
    run: (signal) =>
      repeat(
        async () => {
          began.resolve();
          await end.promise;
          ended = true;
        },
        { signal, every_ms: 60_000, onError: () => undefined },
      ),
  });
  await began.promise;
  const stopped = part.stop();
  end.resolve();
  await stopped;
  expect(ended).toBe(true);
});

test('parts that run together stop together when one fails, and the failure is reported', async () => {
  let stopped = false;
  const waiting = {
    async run(signal: AbortSignal) {
      await pause(60_000, signal);
      stopped = true;
    },
  };
  const failing = { run: () => Promise.reject(new Error('broken')) };
  await expect(startPart(together(waiting, failing)).ended).rejects.toThrow('broken');
  expect(stopped).toBe(true);
});

test('a loop starts and stops in any order', async () => {
  let rounds = 0;
  const round = async (signal: AbortSignal) => {
    rounds += 1;
    await pause(1, signal);
  };
  await stressPart(() => ({
    run: (signal) => repeat(round, { signal, every_ms: 1, onError: () => undefined }),
  }));
  expect(rounds).toBeGreaterThan(0);
});

test('the stress of a part fails when a run does not end, and when it leaves a timer behind', async () => {
  await expect(stressPart(() => ({ run: never }), { patience_ms: 5 })).rejects.toThrow('did not end');
  const timers: NodeJS.Timeout[] = [];
  const leaking = {
    async run() {
      timers.push(setTimeout(() => undefined, 60_000));
    },
  };
  await expect(stressPart(() => leaking, { patience_ms: 50 })).rejects.toThrow(/left \d+ × Timeout behind/);
  for (const timer of timers) clearTimeout(timer);
});

test('a repeated work begins at once when it is woken, and once for all wakes of a round', async () => {
  const wake = new Flag();
  const stop = new AbortController();
  const rounds: PromiseWithResolvers<void>[] = [];
  const work = () => {
    rounds.push(Promise.withResolvers<void>());
    return rounds.at(-1)?.promise ?? Promise.resolve();
  };
  const running = repeat(work, { signal: stop.signal, every_ms: 60_000, onError: () => {}, wake });
  for (let wakes = 0; wakes < 5; wakes++) wake.raise();
  rounds[0]?.resolve();
  await nextTurn();
  expect(rounds).toHaveLength(2);
  rounds[1]?.resolve();
  await nextTurn();
  expect(rounds).toHaveLength(2);
  wake.raise();
  await nextTurn();
  expect(rounds).toHaveLength(3);
  rounds[2]?.resolve();
  stop.abort();
  await running;
});
