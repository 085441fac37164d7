/** `npm run bench [-- NAME …] [--smoke]`. It also runs the peers, each as a process. */
import { parseArgs } from 'node:util';
import { runPeer } from './peers/peers.ts';
import { fullSizes, smokeSizes } from './sizes.ts';
import { benchmarkNames, runBenchmarks } from './suite.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: 'boolean', default: false } },
});

if (positionals[0] === 'peer') {
  await runPeer(positionals[1] ?? '', process.env);
} else {
  const unknown = positionals.filter((name) => !Object.hasOwn(benchmarkNames, name));
  if (unknown.length > 0) {
    console.error(`There is no benchmark ${unknown.join(', ')}. Use one of:`);
    for (const [name, what] of Object.entries(benchmarkNames)) console.error(`  ${name.padEnd(12)} ${what}`);
    process.exit(2);
  }
  await runBenchmarks({
    names: positionals,
    sizes: values.smoke ? smokeSizes : fullSizes,
    say: (line) => console.log(line),
  });
  process.exit(0);
}
