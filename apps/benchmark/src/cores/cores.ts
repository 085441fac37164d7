/** What a second process of catalog-read adds, with `WORKERS=2`. */
import { availableParallelism } from 'node:os';
import { format, markdownTable } from '@catalog/testing';
import { measureInTurn, cpuOf, throughputOf, type Contestant } from '../measuring/rounds.ts';
import { zipf } from '../measuring/zipf.ts';
import { addProducts } from '../products/more-products.ts';
import { checkAnswers } from '../reads/answers.ts';
import { pathFolder, repeated } from '../measuring/paths.ts';
import { median } from '../report/percentiles.ts';
import { atLeast, type Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import type { BenchStack } from '../stack/bench-stack.ts';

const products = 10_000;
/** Two for the servers, one for the client. */
const neededCores = 3;

export async function measureCores(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const { catalog, startReader, say } = bench;
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await pathFolder());
  const ids = await addProducts(catalog, products);
  const hot = await folder.write(
    'hot',
    zipf(products, 20_000).map((n) => `/v1/products/${ids[n]}`),
  );
  const hasCores = availableParallelism() >= neededCores;
  const contestants: Contestant[] = [];
  for (const workers of [1, 2]) {
    const reader = resources.use(await startReader({ env: { WORKERS: String(workers) } }));
    contestants.push({
      name: `workers-${workers}`,
      label: workers === 1 ? 'one process' : `${workers} processes`,
      url: reader.url,
      pid: reader.pid,
      usesAllCores: hasCores,
      route: repeated(hot),
      check: () => checkAnswers(reader.url, hot.paths.slice(0, 20), { pool: catalog, source: 'detail=near' }),
    });
  }
  const rounds = await measureInTurn(contestants, {
    rounds: sizes.rounds,
    seconds: sizes.round_s,
    warm_s: sizes.warm_s,
    say,
  });
  const cpu = (name: string) => median(rounds.of(name).map(cpuOf));
  const throughput =
    throughputOf(rounds.of('workers-2')).perSecond / throughputOf(rounds.of('workers-1')).perSecond;
  const byCpu = 2 * rounds.ratio('workers-1', 'workers-2', cpuOf).median;
  return {
    name: 'cores',
    title: 'Two processes with WORKERS=2',
    method: hasCores
      ? 'Near hits, with the load generator on a core of its own.'
      : `This machine has ${availableParallelism()} cores, and the client needs one. So both processes share the other core, and are judged by ` +
        'their CPU time: on two cores, they answer twice the requests of one if a request costs the same CPU time.',
    table: markdownTable(
      ['', 'CPU per request', 'requests/s'],
      contestants.map(({ name, label }) => [
        label,
        `${format(cpu(name))} µs`,
        format(median(rounds.of(name).map(({ perSecond }) => perSecond))),
      ]),
    ),
    goals: [
      atLeast(
        hasCores ? 'throughput: two processes ÷ one' : 'two processes ÷ one, by CPU time',
        hasCores ? throughput : byCpu,
        1.8,
      ),
    ],
    figures: { 'ratio two processes ÷ one, by CPU': byCpu },
    plots: {},
  };
}
