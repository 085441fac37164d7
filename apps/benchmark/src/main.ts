/** `npm run bench`. It also runs the servers that our services are compared with, each as a process. */
import { parseArgs } from 'node:util';
import { runCommand } from '@catalog/runtime';
import { runServer } from './contestants/servers.ts';
import { compare, ratiosOf, readBaseline, saveBaseline } from './report/baseline.ts';
import { publish } from './report/publish.ts';
import { fullSizes, largeGrowth, quickSizes, smokeSizes } from './sizes.ts';
import { benchmarks, runBenchmarks } from './suite.ts';

const help = `Usage: npm run bench -- [options]

Measures the claims about speed, each beside the plainest program that does the same. It starts its own stack on free ports.

  --only NAMES      runs only these, separated by commas
  --quick           a short run of ${Object.keys(benchmarks)
    .filter((name) => benchmarks[name]?.isQuick)
    .join(', ')}: under three minutes
  --large           measures growth up to five million products
  --smoke           tiny sizes; shows that it runs, its numbers mean nothing
  --compare         compares the ratios with apps/benchmark/baseline.json; exits with 1 if one fell by more than 15 %
  --save-baseline   writes the ratios of this run into that file
  --publish         writes plots and tables into docs/plots, docs/performance.md, docs/scale.md and README.md
  --help            shows this

${Object.entries(benchmarks)
  .map(([name, { about }]) => `  ${name.padEnd(12)} ${about}`)
  .join('\n')}

The report is written to apps/benchmark/reports: report.md, report.json and plots. A missed goal does not fail the command.`;

function options() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string' },
        quick: { type: 'boolean', default: false },
        large: { type: 'boolean', default: false },
        smoke: { type: 'boolean', default: false },
        compare: { type: 'boolean', default: false },
        'save-baseline': { type: 'boolean', default: false },
        publish: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return { names: [...positionals, ...(values.only?.split(',') ?? [])], ...values };
  } catch (error) {
    return usageError((error as Error).message);
  }
}

class UsageError extends Error {}

function usageError(message: string): never {
  throw new UsageError(`${message}\n\n${help}`);
}

async function main(): Promise<number> {
  const chosen = options();
  if (chosen.help) {
    console.log(help);
    return 0;
  }
  for (const name of chosen.names)
    if (!Object.hasOwn(benchmarks, name)) usageError(`There is no benchmark "${name}".`);
  const baseline = chosen.compare ? await readBaseline() : undefined;
  if (chosen.compare && baseline === undefined)
    usageError('There is no apps/benchmark/baseline.json to compare with. Write one first: --save-baseline');
  const all = Object.keys(benchmarks).filter((name) => !chosen.quick || benchmarks[name]?.isQuick);
  const sizes = chosen.smoke ? smokeSizes : chosen.quick ? quickSizes : fullSizes;
  const say = (line: string) => console.log(line);
  const { sections, machine } = await runBenchmarks({
    names: chosen.names.length > 0 ? chosen.names : all,
    sizes: chosen.large ? { ...sizes, growth: largeGrowth } : sizes,
    say,
  });
  if (chosen.publish) for (const file of await publish(sections, machine)) say(`written: ${file}`);
  let exitCode = 0;
  if (baseline !== undefined) {
    const { lines, worse } = compare(ratiosOf(sections), baseline);
    for (const line of lines) say(line);
    if (worse.length > 0) exitCode = 1;
    say(
      worse.length > 0
        ? `✖ worse by more than 15 %: ${worse.join(', ')}`
        : '✔ no ratio fell by more than 15 %',
    );
  }
  if (chosen['save-baseline']) say(`written: ${await saveBaseline(ratiosOf(sections))}`);
  return exitCode;
}

if (process.argv[2] === 'server') await runServer(process.argv[3] ?? '', process.env);
else await runCommand(main, (error) => (error instanceof UsageError ? error.message : undefined));
