/** More is asked than a slow Postgres can answer, by clients that ask again: does it come back by itself? */
import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@catalog/testing';
import { call } from '../load/call.ts';
import { anyOf } from '../load/readers.ts';
import { slowPostgres } from '../system/slow-postgres.ts';
import type { Row, Stage } from './row.ts';

/** Several milliseconds of work for Postgres each, more than a fifth of two cores can do. */
const rate_per_s = 200;
const attempts = 4;
/** Who has waited this long has no use for the answer. */
const useful_ms = 1_000;
/** Of what was useful before. */
const goal = 0.95;

/** Searches that nobody has made before, so that each is a query; whoever is refused asks again at once. */
function startSearches({ system, random }: Stage) {
  const agent = new Agent({ keepAlive: true });
  const arrivals: { readonly at_ms: number; isUseful: boolean }[] = [];
  let requests = 0;
  const ask = async (): Promise<void> => {
    const arrival = { at_ms: performance.now(), isUseful: false };
    arrivals.push(arrival);
    const list = `/v1/products?limit=1&q=${randomUUID()}`;
    for (let attempt = 0; attempt < attempts && !arrival.isUseful; attempt++) {
      requests += 1;
      const { url } = anyOf(system.readers, random);
      const status = await call(agent, 'GET', url + list).then(
        (answer) => answer.status,
        () => undefined,
      );
      arrival.isUseful = status === 200 && performance.now() - arrival.at_ms <= useful_ms;
    }
  };
  const began_ms = performance.now();
  const asking = setInterval(() => {
    while (arrivals.length < ((performance.now() - began_ms) / 1000) * rate_per_s) void ask();
  }, 5);
  return {
    get requests() {
      return requests;
    },
    /** The part of those who came in this time that got a useful answer. */
    goodput(from_ms: number, to_ms: number): number {
      const came = arrivals.filter(({ at_ms }) => at_ms >= from_ms && at_ms < to_ms);
      return came.filter(({ isUseful }) => isUseful).length / Math.max(1, came.length);
    },
    [Symbol.dispose]() {
      clearInterval(asking);
      agent.destroy();
    },
  };
}

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

export const overloadRow: Row = {
  id: '37',
  fault: 'overload',
  injected: `Postgres at a fifth of its speed; ${rate_per_s} searches a second that no cache has, each tried up to ${attempts} times`,
  async inject(stage) {
    const { system, patience, observe, expect } = stage;
    // Else what a search costs depends on whether autovacuum has been here yet.
    await system.sql.query('analyze catalog.products');
    using searches = startSearches(stage);
    const began_ms = performance.now();
    await pause(3_000);
    const before = searches.goodput(began_ms, performance.now() - useful_ms);
    const slow = await slowPostgres(system, 0.2);
    const slowFrom_ms = performance.now();
    try {
      await pause(Math.max(6_000, 30_000 * patience));
    } finally {
      await slow[Symbol.asyncDispose]();
    }
    const healed_ms = performance.now();
    // An arrival has its answer, or none that is useful, after this.
    const settled = (): number => performance.now() - useful_ms;
    const hasRecovered = await eventually(
      () => settled() > healed_ms + 3_000 && searches.goodput(settled() - 3_000, settled()) >= goal * before,
      {
        timeout_ms: 60_000,
        interval_ms: 100,
      },
    ).catch(() => false);
    const recovered_ms = settled() - 3_000 - healed_ms;
    observe(
      `goodput ${percent(before)} before, ` +
        `${percent(searches.goodput(slowFrom_ms, healed_ms - useful_ms))} while slow; ` +
        `above ${percent(goal)} of before for 3 s from ${Math.max(0, recovered_ms).toFixed(0)} ms after it was healed; ${searches.requests} requests`,
    );
    expect(hasRecovered, 'at least 95 % of the goodput of before within 60 s, unaided');
  },
};
