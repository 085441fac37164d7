/** Writes a megabyte, then ends as its argument says. */
import { runCommand } from './run-command.ts';

await runCommand(
  async () => {
    // Keeps the process alive, as an open connection would.
    setInterval(() => undefined, 1_000);
    process.stdout.write('x'.repeat(1_000_000));
    if (process.argv[2] === 'mistake') throw new RangeError('the wrong number');
    if (process.argv[2] === 'bug') throw new TypeError('a bug');
    return Number(process.argv[2]);
  },
  (error) => (error instanceof RangeError ? `Correct this: ${error.message}` : undefined),
);
