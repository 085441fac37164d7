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

/** Records the steps in their order. */
function invalidator(options: { broken?: string } = {}) {
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
      return keys.map(([key]) =>
        key === options.broken
          ? { status: 'rejected', reason: new Error('this key fails') }
          : { status: 'fulfilled', value: true, incarnation: 'first' },
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
    expect(applied[0]?.lists).toEqual(['products']);
    expect(applied[0]?.changes.every(({ appliedTo }) => appliedTo === 'first')).toBe(true);
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
});

describe('acknowledging', () => {
  const job = (appliedTo: string, ...seqs: number[]): Applied => ({
    changes: seqs.map((seq) => ({
      appliedTo,
      seq,
      transaction: 100 + seq,
      entity: 'product',
      key: `k${seq}`,
      version: seq,
    })),
    lists: ['products'],
    appliedAt_ms: performance.now(),
    queued_ms: 0,
  });

  function acknowledger(answer: () => boolean, incarnation = 'map') {
    const steps: unknown[] = [];
    const subject = new Acknowledger({
      outbox: {
        async acknowledge(changes, incarnation) {
          for (const { seq, transaction } of changes) expect(transaction).toBe(100 + seq);
          steps.push([incarnation, ...changes.map(({ seq, appliedTo }) => `${seq} ${appliedTo}`)]);
          return { accepted: answer(), traces: [] };
        },
        release: async (changes) => void steps.push(['released', ...changes.map(({ seq }) => seq)]),
      },
      bump: async (list) => void steps.push(['bump', list]),
      isCurrent: (appliedTo) => appliedTo !== 'former',
      registered: async () => (incarnation === '' ? undefined : incarnation),
      tracesWanted: () => 0,
      onAcknowledged: (_traces, count) => steps.push(['acknowledged', count]),
      onRefused: (incarnation) => steps.push(['refused', incarnation]),
      onError: (error) => steps.push(['failed', (error as Error).message]),
    });
    return { steps, subject };
  }

  /** A stop acknowledges what was added before. */
  const acknowledgeAll = (subject: Acknowledger) => startPart(subject).stop();

  test('takes many jobs together, bumps their lists first, and gives back what a former incarnation of a shard got', async () => {
    const { steps, subject } = acknowledger(() => true);
    subject.add(job('first', 1, 2));
    subject.add(job('second', 3));
    subject.add(job('former', 4));
    expect(subject.waitingChanges).toBe(4);
    await acknowledgeAll(subject);
    expect(steps).toEqual([
      ['bump', 'products'],
      ['released', 4],
      ['map', '1 first', '2 first', '3 second'],
      ['acknowledged', 3],
    ]);
    expect(subject.waitingChanges).toBe(0);
  });

  test('is refused when another incarnation is registered, and left out while none is', async () => {
    const refused = acknowledger(() => false);
    const unregistered = acknowledger(() => true, '');
    for (const { subject } of [refused, unregistered]) {
      subject.add(job('first', 1));
      await acknowledgeAll(subject);
      expect(subject.waitingChanges).toBe(0);
    }
    expect(refused.steps.at(-1)).toEqual(['refused', 'map']);
    expect(unregistered.steps).toEqual([]);
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
    expect(steps).toContainEqual(['map', '2 first']);
  });
});
