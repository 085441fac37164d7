/** `npm run faults [-- --row N] [--minutes M] [--seed S] [--soak] [--plain]`. It also runs the reader of the control. */
import { parseArgs } from 'node:util';
import { servePlainly } from './control/plain-reader.ts';
import { rows } from './rows/rows.ts';
import { selectRows } from './rows/select.ts';
import { runSuite } from './suite.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    /** One row, or several with commas. */
    row: { type: 'string' },
    /** How long the run may take. Long waits of the matrix are shortened to fit. With --soak, how long it runs. */
    minutes: { type: 'string' },
    seed: { type: 'string' },
    soak: { type: 'boolean', default: false },
    plain: { type: 'boolean', default: false },
  },
});

if (positionals[0] === 'plain-reader') {
  servePlainly(process.env);
} else {
  const { chosen, unknown } =
    values.row === undefined ? { chosen: rows, unknown: [] } : selectRows(rows, values.row.split(','));
  const minutes = Number(values.minutes ?? 5);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  if (unknown.length > 0 || !(minutes > 0) || !Number.isInteger(seed)) {
    console.error(
      `--row is one of ${rows.map(({ id }) => id).join(', ')}; --minutes is above 0; --seed is a whole number`,
    );
    process.exit(2);
  }
  // A row takes about 12 s plus the long waits of the matrix. Those of all rows add up to about 10 minutes.
  const patience = values.soak ? 0 : Math.min(1, Math.max(0, (minutes - chosen.length / 5) / 10));
  const { outcomes } = await runSuite({
    rows: values.soak ? chosen.filter(({ withoutLoad }) => withoutLoad !== true) : chosen,
    seed,
    plain: values.plain,
    patience,
    ...(values.soak && { until_ms: performance.now() + minutes * 60_000 }),
    say: (line) => console.log(line),
  });
  const failed = outcomes.some(({ violations }) => violations > 0);
  // The control must fail.
  process.exit(failed === values.plain ? 0 : 1);
}
