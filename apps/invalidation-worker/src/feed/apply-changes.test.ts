import { CacheUnavailable, ChangeInvalidator } from '@catalog/cache/worker';
import { PRODUCT, SETTINGS } from '@catalog/contracts';
import { startPart } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
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

  function acknowledger(answer: () => boolean) {
    const steps: unknown[] = [];
    const cache: { incarnation: string | undefined; mapAge: number } = { incarnation: 'map', mapAge: 7 };
    const subject = new Acknowledger({
      outbox: {
        async acknowledge(changes, incarnation, options) {
          for (const { seq, transaction } of changes) expect(transaction).toBe(100 + seq);
          expect(options).toMatchObject({ mapAge: 7, listsEndedIn: ['of the list'] });
          steps.push([incarnation, ...changes.map(({ seq, appliedTo }) => `${seq} ${appliedTo}`)]);
          const accepted = answer();
          return { accepted, acknowledged: accepted ? changes.length : 0, traces: [] };
        },
        release: async (changes) => void steps.push(['released', ...changes.map(({ seq }) => seq)]),
      },
      cache,
      async bump(lists) {
        steps.push(['bump', ...lists]);
        return ['of the list'];
      },
      registered: async () => undefined,
      isCurrent: (appliedTo) => appliedTo !== 'former',
      tracesWanted: () => 0,
      onAcknowledged: (_traces, count) => steps.push(['acknowledged', count]),
      onRefused: (incarnation) => steps.push(['refused', incarnation]),
      onError: (error) => steps.push(['failed', (error as Error).message]),
    });
    return { steps, subject, cache };
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

  test('is refused when another incarnation is registered, and left out while the cache is away; a stop gives the changes back', async () => {
    const refused = acknowledger(() => false);
    const away = acknowledger(() => true);
    away.cache.incarnation = undefined;
    for (const { subject } of [refused, away]) {
      subject.add(job('first', 1));
      await acknowledgeAll(subject);
      expect(subject.waitingChanges).toBe(0);
    }
    expect(refused.steps.slice(-2)).toEqual([
      ['refused', 'map'],
      ['released', 1],
    ]);
    expect(away.steps).toEqual([['released', 1]]);
  });

  test('is tried again soon while another incarnation is registered; after a second the changes are given back', async () => {
    let attempts = 0;
    const { steps, subject } = acknowledger(() => ++attempts > 2);
    const running = startPart(subject);
    subject.add(job('first', 1));
    await eventually(() => subject.waitingChanges === 0);
    expect(attempts).toBe(3);
    expect(steps.at(-1)).toEqual(['acknowledged', 1]);
    attempts = Number.NEGATIVE_INFINITY;
    subject.add({ ...job('first', 2), appliedAt_ms: performance.now() - 1_001 });
    await eventually(() => subject.waitingChanges === 0);
    await running.stop();
    expect(steps.filter((step) => (step as unknown[]).includes('2 first'))).toHaveLength(1);
    expect(steps.at(-1)).toEqual(['released', 2]);
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
