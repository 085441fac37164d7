/** The requests per second that one core of catalog-read answers, by the source of the answer. */
import { pause } from '@catalog/runtime';
import autocannon from 'autocannon';
import { median } from '../report/percentiles.ts';
import type { Section } from '../report/report.ts';
import { markdownTable, barChart, format } from '@catalog/testing';
import { cores, type BenchStack } from '../stack/bench-stack.ts';
import type { Sizes } from '../sizes.ts';
import { addProducts } from './more-products.ts';

const connections = 32;
const hotKeys = 1_000;

interface Target {
  readonly label: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function measureThroughput(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const { stack, startReader, startPeer, say } = bench;
  const onCore = cores === undefined ? {} : { core: cores.measured };
  await using resources = new AsyncDisposableStack();
  const ids = await addProducts(bench.catalog, 2 * sizes.coldKeys + hotKeys);
  const hot = ids.slice(0, hotKeys);
  const inRedis = ids.slice(hotKeys, hotKeys + sizes.coldKeys);
  const nowhere = ids.slice(hotKeys + sizes.coldKeys, hotKeys + 2 * sizes.coldKeys);

  const reader = resources.use(await startReader(onCore));
  const body = await (await fetch(`${stack.url('catalog-read')}/v1/products/${hot[0]}`)).text();
  const express = resources.use(await startPeer('bare-express', { BODY: body }, onCore));
  const http = resources.use(await startPeer('bare-http', { BODY: body }, onCore));

  // The measured process reads each cold key once. The stack's own process has put half of them into Redis before.
  await once(stack.url('catalog-read'), inRedis);
  await expectStatus(reader.url, inRedis, 'hit; detail=redis');
  const redisHit = await once(reader.url, inRedis);
  const miss = await once(reader.url, nowhere);
  say(`${format(redisHit)} Redis hits/s, ${format(miss)} misses/s`);

  await once(reader.url, hot);
  await expectStatus(reader.url, hot, 'hit; detail=near');
  const near: Target = { label: 'near hit', url: reader.url };
  // A header with the same bytes that needs no check.
  const token = `Bearer ${await stack.token('catalog-read', 'catalog:read')}`;
  const checked: Target = { label: 'with a token', url: reader.url, headers: { Authorization: token } };
  const unchecked: Target = { label: 'with its bytes', url: reader.url, headers: { 'X-Not-A-Token': token } };
  const peers: Target[] = [
    { label: 'bare Express route', url: express.url },
    { label: 'bare node:http', url: http.url },
  ];
  const rates = new Map<string, number[]>();
  // In turn, so that other work of the machine disturbs all alike.
  for (let round = 0; round < sizes.rounds; round++) {
    for (const target of [near, ...peers, checked, unchecked]) {
      const rate = await sustained(target, hot, sizes.round_s);
      rates.set(target.label, [...(rates.get(target.label) ?? []), rate]);
    }
  }
  const rate = (label: string) => median(rates.get(label) ?? []);
  const measured = [
    ...peers.map(({ label }) => ({ label, value: rate(label) })),
    { label: 'catalog-read, near hit', value: rate(near.label) },
    { label: 'near hit, with a token that is checked', value: rate(checked.label) },
    { label: 'near hit, as many bytes in another header', value: rate(unchecked.label) },
    { label: 'catalog-read, Redis hit', value: redisHit },
    { label: 'catalog-read, miss (Postgres, filled)', value: miss },
  ];
  const beside = rate(near.label) / rate('bare Express route');
  const checks = 1 - rate(checked.label) / rate(unchecked.label);
  return {
    name: 'throughput',
    title: 'Throughput of catalog-read on one core',
    method:
      `${connections} connections of autocannon without pipelining. The measured process runs alone on one core` +
      `${cores === undefined ? ' (not on this system, which has no taskset)' : ''}, everything else on the other. ` +
      `Near hits and peers: medians of ${sizes.rounds} rounds of ${sizes.round_s} s in turn, over ${hotKeys} keys, each answer ` +
      `${body.length} bytes. Redis hits and misses: ${sizes.coldKeys} keys, each read once.`,
    table: markdownTable(
      ['', 'requests/s', 'times bare Express'],
      measured.map(({ label, value }) => [
        label,
        format(value),
        (value / rate('bare Express route')).toFixed(2),
      ]),
    ),
    goals: [
      {
        text: `near hits reach ${beside.toFixed(2)} times the throughput of a bare Express route (goal: at least 0.8)`,
        met: beside >= 0.8,
      },
      {
        text: `checking a token costs ${(checks * 100).toFixed(1)} % of the throughput of near hits (goal: at most 3 %)`,
        met: checks <= 0.03,
      },
    ],
    plots: { 'throughput.svg': barChart('Requests per second on one core', 'requests/s', measured) },
  };
}

async function cannon(options: autocannon.Options): Promise<autocannon.Result> {
  const result = await autocannon({ connections, timeout: 30, ...options });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(
      `${options.url} gave ${result.non2xx} answers other than 2xx and ${result.errors} errors.`,
    );
  }
  return result;
}

async function sustained(
  { url, headers }: Target,
  ids: readonly string[],
  duration_s: number,
): Promise<number> {
  const result = await cannon({
    url,
    duration: duration_s,
    requests: [nextOf(ids)],
    ...(headers !== undefined && { headers }),
  });
  return result.requests.total / result.duration;
}

/** Reads each id once. @returns requests per second */
async function once(url: string, ids: readonly string[]): Promise<number> {
  const began_ms = performance.now();
  await cannon({ url, amount: ids.length, requests: [nextOf(ids)] });
  return ids.length / ((performance.now() - began_ms) / 1000);
}

function nextOf(ids: readonly string[]): autocannon.Request {
  let next = 0;
  return {
    method: 'GET',
    setupRequest: (request) => ({ ...request, path: `/v1/products/${ids[next++ % ids.length]}` }),
  };
}

/**
 * Checks that answers come from the wanted source. It reads the last ids, and several of them, because a process that has
 * just started, or waited long for a core, bypasses its caches for a moment.
 */
async function expectStatus(url: string, ids: readonly string[], wanted: string): Promise<void> {
  let seen = '';
  for (const id of ids.slice(-20).toReversed()) {
    const response = await fetch(`${url}/v1/products/${id}`);
    await response.text();
    seen = `${response.status} ${response.headers.get('cache-status')}`;
    if (seen.includes(wanted)) return;
    await pause(100);
  }
  throw new Error(`The answer is "${seen}", but "${wanted}" should be measured.`);
}
