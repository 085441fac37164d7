import { CacheUnavailable, ChangeInvalidator } from '@catalog/cache/worker';
import { PRODUCT, SETTINGS } from '@catalog/contracts';
import { startPart } from '@catalog/runtime';
import { describe, expect, test } from 'vitest';
import { Acknowledger, type Applied, Invalidator } from './apply-changes.ts';

const change = (seq: number, key: string, version: number, entity: string = PRODUCT.name) => ({
  seq,
  transaction: 100 + seq,
  entity,
  key,
  version,
});

interface Incarnation {
  now: string | undefined;
}

/** Records the steps in their order. `during` runs while the keys are being invalidated. */
function invalidator(options: { during?: (incarnation: Incarnation) => void; broken?: string } = {}) {
  const incarnation: Incarnation = { now: 'first' };
  const steps: unknown[] = [];
  const applied: Applied[] = [];
  const connection = {
    get incarnation() {
      return incarnation.now;
    },
  };
  const changeInvalidator = new ChangeInvalidator([PRODUCT, SETTINGS], connection, {
    async invalidate(keys) {
      steps.push(['invalidate', ...keys]);
      options.during?.(incarnation);
      return keys.map(([key]) =>
        key === options.broken
          ? { status: 'rejected', reason: new Error('this key fails') }
          : { status: 'fulfilled', value: true },
      );
    },
  });
  const subject = new Invalidator({
    changeInvalidator,
    acknowledge: (each) => {
      steps.push(['acknowledge', ...each.changes.map(({ seq }) => seq)]);
      for (const { seq, transaction } of each.changes) expect(transaction).toBe(100 + seq);
      applied.push(each);
    },
    refresh: (keys) => void steps.push(['refresh', ...keys.map(({ key }) => key)]),
    onError: () => undefined,
    setAside: async (refused) => void steps.push(['set aside', ...refused.map(({ cacheKey }) => cacheKey)]),
  });
  return { incarnation, steps, applied, subject };
}

describe('a job', () => {
  test('is invalidated, acknowledged and refreshed in this order, each key once', async () => {
    const { steps, applied, subject } = invalidator();
    await subject.apply([
      change(1, 'a', 5),
      change(2, 'a', 7),
      change(3, 'a', 6),
      change(4, 'x', 1, 'unknown'),
    ]);
    expect(steps).toEqual([
      ['invalidate', ['product:a', 7]],
      ['acknowledge', 1, 2, 3, 4],
      ['refresh', 'a'],
    ]);
    expect(applied[0]).toMatchObject({ incarnation: 'first', lists: ['products'] });
  });

  test('with a key that Redis refuses is acknowledged except for that key, which is set aside', async () => {
    const { steps, subject } = invalidator({ broken: 'product:b' });
    await subject.apply([change(1, 'a', 5), change(2, 'b', 6)]);
    expect(steps).toContainEqual(['acknowledge', 1]);
    expect(steps.at(-1)).toEqual(['set aside', 'product:b']);
  });

  test('does not start while the cache is away', async () => {
    const { incarnation, steps, subject } = invalidator();
    incarnation.now = undefined;
    await expect(subject.apply([change(1, 'a', 5)])).rejects.toThrow(CacheUnavailable);
    expect(steps).toEqual([]);
  });

  test.each(['second', undefined])(
    'is not acknowledged when the incarnation of the cache changes to %s meanwhile',
    async (next) => {
      const { applied, subject } = invalidator({ during: (incarnation) => (incarnation.now = next) });
      await expect(subject.apply([change(1, 'a', 5)])).rejects.toThrow(CacheUnavailable);
      expect(applied).toEqual([]);
    },
  );
});

describe('acknowledging', () => {
  const job = (incarnation: string, ...seqs: number[]): Applied => ({
    changes: seqs.map((seq) => ({
      seq,
      transaction: 100 + seq,
      entity: 'product',
      key: `k${seq}`,
      version: seq,
    })),
    lists: ['products'],
    incarnation,
    appliedAt_ms: performance.now(),
    queued_ms: 0,
  });

  function acknowledger(answer: (incarnation: string) => boolean) {
    const steps: unknown[] = [];
    const subject = new Acknowledger({
      outbox: {
        async acknowledge(changes, incarnation) {
          for (const { seq, transaction } of changes) expect(transaction).toBe(100 + seq);
          steps.push([incarnation, ...changes.map(({ seq }) => seq)]);
          return { accepted: answer(incarnation), traces: [] };
        },
      },
      bumper: { bump: async (list) => void steps.push(['bump', list]) },
      tracesWanted: () => 0,
      onAcknowledged: (_traces, count) => steps.push(['acknowledged', count]),
      onRefused: (incarnation) => steps.push(['refused', incarnation]),
      onError: (error) => steps.push(['failed', (error as Error).message]),
    });
    return { steps, subject };
  }

  /** A stop acknowledges what was added before. */
  const acknowledgeAll = (subject: Acknowledger) => startPart(subject).stop();

  test('takes many jobs together, bumps their lists first, and keeps incarnations apart', async () => {
    const { steps, subject } = acknowledger((incarnation) => incarnation === 'second');
    subject.add(job('first', 1, 2));
    subject.add(job('second', 3));
    subject.add(job('first', 4));
    expect(subject.waitingChanges).toBe(4);
    await acknowledgeAll(subject);
    expect(steps).toEqual([
      ['bump', 'products'],
      ['first', 1, 2, 4],
      ['refused', 'first'],
      ['bump', 'products'],
      ['second', 3],
      ['acknowledged', 1],
    ]);
    expect(subject.waitingChanges).toBe(0);
  });

  test('is not retried after a failure, because the outbox dispatches the changes again', async () => {
    const { steps, subject } = acknowledger(() => {
      throw new Error('Postgres is away');
    });
    subject.add(job('first', 1));
    await acknowledgeAll(subject);
    expect(steps.at(-1)).toEqual(['failed', 'Postgres is away']);
    expect(subject.waitingChanges).toBe(0);
    subject.add(job('first', 2));
    await acknowledgeAll(subject);
    expect(steps).toContainEqual(['first', 2]);
  });
});
