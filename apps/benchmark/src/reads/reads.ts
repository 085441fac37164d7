/** What a read costs, by the source of its answer, compared with other ways to serve the same product. */
import { barChart, format, markdownTable } from '@catalog/testing';
import {
  capacityOf,
  cpuOf,
  measureInTurn,
  redisCpuOf,
  throughputOf,
  type Contestant,
  type Ratio,
  type Round,
  type Rounds,
} from '../measuring/rounds.ts';
import { hasWrk, type LoadResult, runLoad } from '../measuring/load.ts';
import { besideMeasured, onMeasuredCore } from '../measuring/pinning.ts';
import { median } from '../report/percentiles.ts';
import { atLeast, atMost, type Goal, type Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import type { BenchStack } from '../stack/bench-stack.ts';
import { startField, type Field } from './field.ts';

/** Latencies are measured at this share of the highest load: on a busy server, but not on an overloaded one. */
const load = 0.7;
/** Products in a call of the contestant `batch`. */
const batch = 100;

export async function measureReads(bench: BenchStack, sizes: Sizes): Promise<Section> {
  await using field = await startField(bench, sizes);
  const { contestants } = field;
  const rounds = await besideMeasured([bench], () =>
    measureInTurn(sideBySide(contestants), {
      rounds: sizes.rounds,
      seconds: sizes.round_s,
      warm_s: sizes.warm_s,
      say: bench.say,
    }),
  );
  const latencies = await measureLatencies(field, rounds, sizes, bench.say);
  return {
    name: 'reads',
    title: 'What a read costs',
    method:
      `Each server ran alone on one core, the load generator (${hasWrk ? 'wrk' : 'autocannon'}, 32 connections) and the stores on the others, ` +
      `in ${sizes.rounds} rounds of ${sizes.round_s} s in turn. CPU is the time of all threads of the server for a request, as ` +
      'Linux counts it; it does not depend on the client. A ratio is the median over the rounds, with its quartiles. ' +
      'Throughput counts only rounds in which the server used 95 % of what interrupts left of its core, and the client less than 85 % of its own; "≈" ' +
      'marks an estimate from the CPU time, where no round counted. Ids are drawn by a Zipf law (0.99) from 10,000 products. Redis hits, and the GETs beside them, are of ' +
      `${format(sizes.inRedis)} other products in turn.`,
    table: table(contestants, rounds),
    more: latencyTable(latencies),
    goals: goalsOf(rounds, latencies),
    figures: figuresOf(contestants, rounds),
    plots: plotsOf(contestants, rounds),
  };
}

const ratioText = ({ median: middle, low, high }: Ratio): string =>
  Number.isNaN(middle) ? '–' : `${middle.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
const cpuText = (value: number): string => (Number.isNaN(value) ? '–' : `${format(value)} µs`);
const cpuMedian = (rounds: readonly Round[]): number => median(rounds.map(cpuOf));

/** Neighbours are measured one after the other, so those that are compared meet the same machine. */
const turns = [
  ['express-postgres', 'bentocache', 'cacheable', 'client-side-cache', 'nginx', 'list', 'batch'],
  ['near-token', 'bare-http', 'near', 'near-sku'],
  ['express-ioredis', 'bare-get', 'redis-hit', 'bare-get-wide', 'miss'],
].flat();

const sideBySide = (contestants: readonly Contestant[]): Contestant[] =>
  contestants.toSorted((a, b) => turns.indexOf(a.name) - turns.indexOf(b.name));

/** Contestants are compared with the plainest server that does the same work, and bare servers with none. */
const bases: Readonly<Record<string, string>> = {
  'bare-get': 'bare-get',
  'express-ioredis': 'bare-get',
  'bare-get-wide': 'bare-get-wide',
  'redis-hit': 'bare-get-wide',
};
const baseOf = (name: string): string => bases[name] ?? 'bare-http';

function throughputText(rounds: readonly Round[]): string {
  const { perSecond, isEstimate } = throughputOf(rounds);
  return `${isEstimate ? '≈ ' : ''}${format(perSecond)}`;
}

function verdictText(rounds: readonly Round[]): string {
  const count = (wanted: Round['verdict']) => rounds.filter(({ verdict }) => verdict === wanted).length;
  const marks = (['client-bound', 'disturbed', 'failed'] as const).flatMap((name) =>
    count(name) === 0 ? [] : [`${count(name)} ${name}`],
  );
  return marks.length === 0
    ? `${rounds.length} of ${rounds.length}`
    : `${count('counted')} of ${rounds.length}; ${marks.join(', ')}`;
}

function table(contestants: readonly Contestant[], rounds: Rounds): string[] {
  return markdownTable(
    ['', 'CPU per request', 'requests/s on one core', 'bare ÷ this', 'CPU of Redis', 'rounds that count'],
    contestants.map(({ name, label, redisPids }) => {
      const own = rounds.of(name);
      const base = baseOf(name);
      return [
        label,
        cpuText(cpuMedian(own)),
        throughputText(own),
        name === base
          ? '1'
          : `${ratioText(rounds.ratio(base, name, cpuOf))}${base === 'bare-http' ? '' : ' of bare + GET'}`,
        redisPids === undefined ? '' : cpuText(median(own.map(redisCpuOf))),
        verdictText(own),
      ];
    }),
  );
}

function goalsOf(rounds: Rounds, latencies: readonly Latency[]): Goal[] {
  const capacity = (above: string, below: string) => rounds.ratio(above, below, capacityOf).median;
  const cpu = (above: string, below: string) => rounds.ratio(above, below, cpuOf).median;
  const has = (name: string) => rounds.of(name).length > 0;
  const of = (name: string) => latencies.find((entry) => entry.name === name)?.p99_us ?? Number.NaN;
  return [
    atLeast('CPU: bare ÷ near hit by id', cpu('bare-http', 'near'), 0.95),
    atLeast('CPU: bare ÷ near hit by SKU', cpu('bare-http', 'near-sku'), 0.9),
    atLeast('CPU: bare ÷ near hit with a token', cpu('bare-http', 'near-token'), 0.92),
    atLeast('CPU: bare + GET ÷ Redis hit', cpu('bare-get-wide', 'redis-hit'), 0.9),
    atMost(
      'CPU of Redis: a Redis hit ÷ a GET',
      rounds.ratio('redis-hit', 'bare-get-wide', redisCpuOf).median,
      1.3,
    ),
    atLeast('throughput: near hit ÷ Express + ioredis + JSON', capacity('near', 'express-ioredis'), 3),
    atLeast('throughput: near hit ÷ bentocache', capacity('near', 'bentocache'), 2.5),
    atLeast('throughput: near hit ÷ Express + Postgres', capacity('near', 'express-postgres'), 6),
    ...(has('nginx')
      ? [atLeast('throughput: near hit ÷ nginx proxy_cache', capacity('near', 'nginx'), 0.75)]
      : []),
    atLeast('products per second: 100 in one call ÷ single near hits', batch * capacity('batch', 'near'), 10),
    atMost('p99 at the same load: near hit ÷ bare', of('near') / of('bare-http'), 2),
  ];
}

function figuresOf(contestants: readonly Contestant[], rounds: Rounds): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const { name } of contestants) {
    const base = baseOf(name);
    figures[`cpu_us ${name}`] = cpuMedian(rounds.of(name));
    if (name !== base) figures[`ratio ${base} ÷ ${name}`] = rounds.ratio(base, name, cpuOf).median;
  }
  return figures;
}

function plotsOf(contestants: readonly Contestant[], rounds: Rounds): Record<string, string> {
  const bars = contestants.map(({ name, label }) => ({
    label,
    value: throughputOf(rounds.of(name)).perSecond,
    isOurs: label.startsWith('ours'),
  }));
  return {
    'reads.svg': barChart(
      'Requests per second on one core',
      'requests/s',
      bars.toSorted((a, b) => b.value - a.value),
    ),
  };
}

interface Latency {
  readonly name: string;
  readonly label: string;
  readonly perSecond: number;
  /** Medians of the runs. */
  readonly p50_us: number;
  readonly p99_us: number;
  /** The part of its core that the client used, at most. */
  readonly clientShare: number;
}

/** Bare and near hits in turn, at the same load; the others at 70 % of what each can answer. */
async function measureLatencies(
  { contestants, hot }: Field,
  rounds: Rounds,
  sizes: Sizes,
  say: (line: string) => void,
): Promise<Latency[]> {
  const perSecond = (name: string) => throughputOf(rounds.of(name)).perSecond;
  const same = load * Math.min(perSecond('bare-http'), perSecond('near'));
  const rates: Record<string, number> = {
    'bare-http': same,
    near: same,
    ...(sizes.allContestants && {
      'express-ioredis': load * perSecond('express-ioredis'),
      'express-postgres': load * perSecond('express-postgres'),
    }),
  };
  const asked = contestants.filter(({ name }) => name in rates);
  const results = new Map<string, LoadResult[]>(asked.map(({ name }) => [name, []]));
  for (let round = 0; round < sizes.paced; round++)
    for (const { name, label, url, pid } of asked) {
      const rate = rates[name] ?? 0;
      if (round === 0) say(`latency of ${label} at ${format(rate)} requests/s`);
      const run = { url, paths: hot.file, seconds: sizes.paced_s, perSecond: rate };
      const result = await onMeasuredCore(pid, () => runLoad(run));
      if (result.failed > 0) throw new Error(`${label}: requests at a fixed rate failed.`);
      results.get(name)?.push(result);
    }
  return asked.map(({ name, label }) => latencyOf(name, label, results.get(name) ?? []));
}

function latencyOf(name: string, label: string, results: readonly LoadResult[]): Latency {
  const of = (read: (result: LoadResult) => number) => results.map(read);
  return {
    name,
    label,
    perSecond: median(of(({ requests, duration_us }) => requests / (duration_us / 1e6))),
    p50_us: median(of(({ p50_us }) => p50_us)),
    p99_us: median(of(({ p99_us }) => p99_us)),
    clientShare: Math.max(...of(({ cpu_us, duration_us }) => cpu_us / duration_us)),
  };
}

function latencyTable(latencies: readonly Latency[]): string[] {
  const us = (value: number) => (value >= 1_000 ? `${format(value / 1_000)} ms` : `${format(value)} µs`);
  return [
    `Latency at ${load * 100} % of the highest load (bare and near hits at the same load), sent at a fixed rate:`,
    '',
    ...markdownTable(
      ['', 'requests/s', 'p50', 'p99', 'core of the client'],
      latencies.map(({ label, perSecond, p50_us, p99_us, clientShare }) => [
        label,
        format(perSecond),
        us(p50_us),
        us(p99_us),
        `${Math.round(clientShare * 100)} %`,
      ]),
    ),
  ];
}
