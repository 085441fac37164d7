/** A row with more requests than a slow Postgres can answer, from clients that retry. It must recover by itself. */
import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { call } from '../load/call.ts';
import { anyOf } from '../load/random.ts';
import { type SlowPostgres, slowPostgres } from '../system/slow-postgres.ts';
import type { Row, Stage } from './row.ts';

/** The load is this many times what a slow Postgres can answer, but at most `mostOfHealthy` of the healthy rate. */
const overload = 1.4;
const mostOfHealthy = 0.9;
/** If this load is no overload after `settle_ms`, it grows by this factor, or Postgres slows down by this factor. */
const growth = 1.3;
const settle_ms = 2_500;
/** The speed of the slow Postgres, as a share of its full speed. */
const speed = 0.2;
const leastSpeed = 0.02;
/** Parallel callers, enough to keep every reader and Postgres busy. */
const probes = 64;
const callers = 32;
const probing_ms = 2_000;
const attempts = 4;
/** A later answer is useless to the client. */
const useful_ms = 1_000;
/** The share of the former goodput that must come back. */
const goal = 0.95;
/** With fewer requests, shares of them say nothing. */
const leastRequests = 300;

/**
 * Connections of many callers, because a reader limits the simultaneous searches of each address. Only Linux has these addresses
 * by default.
 */
function agentsOfCallers(): Agent[] {
  const isLinux = process.platform === 'linux';
  return Array.from(
    { length: callers },
    (_, n) => new Agent({ keepAlive: true, ...(isLinux && { localAddress: `127.0.1.${n + 1}` }) }),
  );
}

/** A new search each time, so that no cache holds it. @returns the status, or undefined if there was no answer */
async function search({ system, random }: Stage, agents: readonly Agent[]): Promise<number | undefined> {
  const { url } = anyOf(system.readers, random);
  const list = `/v1/products?limit=1&q=${randomUUID()}`;
  return call(anyOf(agents, random), 'GET', url + list).then(
    ({ status }) => status,
    () => undefined,
  );
}

/** Measures how many searches a second are answered. */
async function capacity_per_s(stage: Stage): Promise<number> {
  const agents = agentsOfCallers();
  const began_ms = performance.now();
  let answered = 0;
  const ask = async (): Promise<void> => {
    while (performance.now() - began_ms < probing_ms)
      if ((await search(stage, agents)) === 200) answered += 1;
  };
  await Promise.all(Array.from({ length: probes }, ask));
  for (const agent of agents) agent.destroy();
  return answered / ((performance.now() - began_ms) / 1_000);
}

/** A client that is refused retries at once. */
function startSearches(stage: Stage, first_per_s: number) {
  const agents = agentsOfCallers();
  const arrivals: { readonly at_ms: number; isUseful: boolean }[] = [];
  let requests = 0;
  const ask = async (): Promise<void> => {
    const arrival = { at_ms: performance.now(), isUseful: false };
    arrivals.push(arrival);
    for (let attempt = 0; attempt < attempts && !arrival.isUseful; attempt++) {
      requests += 1;
      const status = await search(stage, agents);
      arrival.isUseful = status === 200 && performance.now() - arrival.at_ms <= useful_ms;
    }
  };
  let rate_per_s = first_per_s;
  let due = 0;
  let last_ms = performance.now();
  const asking = setInterval(() => {
    const now_ms = performance.now();
    due += ((now_ms - last_ms) / 1_000) * rate_per_s;
    last_ms = now_ms;
    for (; due >= 1; due -= 1) void ask();
  }, 5);
  return {
    get rate_per_s() {
      return rate_per_s;
    },
    sendFaster(times: number) {
      rate_per_s *= times;
    },
    get requests() {
      return requests;
    },
    /** The share of the searches begun in this time that got a useful answer. */
    goodput(from_ms: number, to_ms: number): number {
      const came = arrivals.filter(({ at_ms }) => at_ms >= from_ms && at_ms < to_ms);
      return came.filter(({ isUseful }) => isUseful).length / Math.max(1, came.length);
    },
    [Symbol.dispose]() {
      clearInterval(asking);
      for (const agent of agents) agent.destroy();
    },
  };
}

async function slowly<T>(system: Stage['system'], work: (slow: SlowPostgres) => Promise<T>): Promise<T> {
  await using slow = await slowPostgres(system, speed);
  return await work(slow);
}

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

export const overloadRow: Row = {
  id: '37',
  fault: 'more searches arrive than a slow Postgres can answer',
  injected: `Postgres at a fifth of its speed, and ${overload} times as many uncached searches as it can then answer, each tried up to ${attempts} times`,
  async inject(stage) {
    const { system, patience, observe, expect } = stage;
    // Without `analyze`, the cost of a search depends on whether autovacuum has run yet.
    await system.sql.query('analyze catalog.products');
    const healthy_per_s = await capacity_per_s(stage);
    const slow_per_s = await slowly(system, () => capacity_per_s(stage));
    const rate_per_s = Math.min(overload * slow_per_s, mostOfHealthy * healthy_per_s);
    using searches = startSearches(stage, rate_per_s);
    const began_ms = performance.now();
    await pause(3_000);
    const before = searches.goodput(began_ms, performance.now() - useful_ms);
    let overloadedFrom_ms = performance.now();
    await slowly(system, async (slow) => {
      // Callers that wait for their answers cannot measure exactly how much Postgres answers. So the rate grows until it is too
      // much. Near the healthy rate, which may have been measured too low as well, Postgres slows down instead.
      for (;;) {
        await pause(settle_ms);
        const settledAt_ms = performance.now() - useful_ms;
        const isTooMuch = searches.goodput(overloadedFrom_ms, settledAt_ms) < goal * before;
        if (isTooMuch || slow.speed < leastSpeed) break;
        if (searches.rate_per_s * growth <= mostOfHealthy * healthy_per_s) searches.sendFaster(growth);
        else slow.speed /= growth;
        overloadedFrom_ms = performance.now();
      }
      await pause(Math.max(6_000, 30_000 * patience));
    });
    const healed_ms = performance.now();
    // A search begun before this time has its useful answer, or will not get one.
    const settled = (): number => performance.now() - useful_ms;
    const hasRecovered = await eventually(
      () => settled() > healed_ms + 3_000 && searches.goodput(settled() - 3_000, settled()) >= goal * before,
      {
        timeout_ms: 60_000,
        interval_ms: 100,
      },
    ).catch(() => false);
    const recovered_ms = settled() - 3_000 - healed_ms;
    const whileSlow = searches.goodput(overloadedFrom_ms, healed_ms - useful_ms);
    observe(
      `capacity ${healthy_per_s.toFixed(0)} searches a second, ${slow_per_s.toFixed(0)} while slow, load ${searches.rate_per_s.toFixed(0)}; ` +
        `goodput ${percent(before)} before, ${percent(whileSlow)} while slow; ` +
        `at least ${percent(goal)} of it again ${Math.max(0, recovered_ms).toFixed(0)} ms after Postgres was fast again; ${searches.requests} requests`,
    );
    expect(searches.requests > leastRequests, `there were more than ${leastRequests} requests`);
    expect(whileSlow < goal * before, 'the load was above the capacity');
    expect(hasRecovered, '95 % of the goodput before comes back within 60 s without help');
  },
};
