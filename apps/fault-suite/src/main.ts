/**
 * `npm run faults [-- --row N] [--minutes M] [--seed S] [--soak] [--cluster] [--change-source S] [--plain] [--upgrade]`. It also
 * runs the reader of the control.
 */
import { parseArgs } from 'node:util';
import { runCommand } from '@catalog/runtime';
import { servePlainly } from './control/plain-reader.ts';
import { rows } from './rows/rows.ts';
import { rowsFor, selectRows } from './rows/select.ts';
import { runSuite } from './suite.ts';
import { commitOf } from './upgrade/previous.ts';
import { runUpgrade } from './upgrade/run-upgrade.ts';

const help = `Usage: npm run faults -- [options]

Starts a stack of its own, injects every fault while clients read and write, and judges the whole history afterwards. The
report is written to apps/fault-suite/reports.

  --row IDS       only these rows, separated by commas
  --minutes M     how long the run may take, 5 unless given; long waits are shortened to fit. With --soak: how long it runs
  --seed S        repeats the random choices of a run
  --soak          injects faults at random until the time is over
  --cluster       runs the rows of the cache Redis on a Redis Cluster of three masters and three replicas, and the rows of clusters
  --change-source S  the source of changes: outbox (the default) or slot
  --plain         runs the same against plain cache-aside, which must fail
  --upgrade       runs only the rolling upgrade: replaces the services of the previous commit under load, and goes back once
  --from COMMIT   with --upgrade: the commit to upgrade from. Default: the merge base with origin/main, or the commit before HEAD
  --help          shows this

${rows.map(({ id, fault }) => `  ${id.padEnd(8)} ${fault}`).join('\n')}`;

class UsageError extends Error {}

function readOptions() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      row: { type: 'string' },
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      soak: { type: 'boolean', default: false },
      cluster: { type: 'boolean', default: false },
      plain: { type: 'boolean', default: false },
      upgrade: { type: 'boolean', default: false },
      from: { type: 'string' },
      'change-source': { type: 'string', default: 'outbox' },
      help: { type: 'boolean', default: false },
    },
  });
  if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is no option.`);
  const { chosen, unknown } =
    values.row === undefined ? { chosen: rows, unknown: [] } : selectRows(rows, values.row.split(','));
  if (unknown.length > 0) throw new UsageError(`There is no row ${unknown.join(', ')}.`);
  if (values.cluster && values.plain) throw new UsageError('--plain cannot be combined with --cluster.');
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new UsageError('--minutes must be above 0.');
  const seed = Number(values.seed);
  if (!Number.isInteger(seed)) throw new UsageError('--seed must be a whole number.');
  const { upgrade, row, soak, plain, cluster } = values;
  const chooses = row !== undefined || soak || plain || cluster || values['change-source'] !== 'outbox';
  if (upgrade && chooses) throw new UsageError('--upgrade can be combined only with --from and --seed.');
  if (values.from !== undefined && !values.upgrade) throw new UsageError('--from needs --upgrade.');
  const changeSource = (['outbox', 'slot'] as const).find((name) => name === values['change-source']);
  if (changeSource === undefined) throw new UsageError('--change-source must be outbox or slot.');
  const selected = rowsFor(chosen, values.cluster, values.row !== undefined);
  return { ...values, ...selected, minutes, seed, changeSource };
}

async function main(): Promise<number> {
  const options = readOptions();
  const { help: asksForHelp, chosen, excluded, minutes, seed, soak, plain, cluster } = options;
  const { upgrade, from: named, changeSource } = options;
  if (asksForHelp) {
    console.log(help);
    return 0;
  }
  const say = (line: string) => console.log(line);
  if (upgrade) {
    const from = named === undefined ? undefined : await commitOf(named);
    if (named !== undefined && from === undefined)
      throw new UsageError(`--from must name a commit; git does not know "${named}".`);
    const { outcomes } = await runUpgrade({ seed, patience: 1, say, ...(from !== undefined && { from }) });
    return outcomes.some(({ violations }) => violations > 0) ? 1 : 0;
  }
  // A row takes about 12 s plus the long waits of the matrix. Those of all rows add up to about 10 minutes.
  const patience = soak ? 0 : Math.min(1, Math.max(0, (minutes - chosen.length / 5) / 10));
  const { outcomes } = await runSuite({
    rows: soak ? chosen.filter(({ withoutLoad }) => withoutLoad !== true) : chosen,
    excluded,
    seed,
    plain,
    cluster,
    changeSource,
    patience,
    ...(soak && { until_ms: performance.now() + minutes * 60_000 }),
    say,
  });
  const failed = outcomes.some(({ violations }) => violations > 0);
  // The control must fail.
  return failed === plain ? 0 : 1;
}

if (process.argv[2] === 'plain-reader') servePlainly(process.env);
else
  await runCommand(main, (error) => {
    const isMistake =
      error instanceof UsageError ||
      String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
    return isMistake ? `${(error as Error).message}\n\n${help}` : undefined;
  });
