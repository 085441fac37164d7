/**
 * Runs a command of the terminal, and ends the process with its exit code once all output is written: a pipe takes 64 KiB at a time,
 * and `process.exit` drops the rest.
 *
 * @param explain the text for a mistake of the person at the terminal; undefined for a bug, which is printed with its stack
 */
export async function runCommand(
  main: () => Promise<number>,
  explain: (error: unknown) => string | undefined = () => undefined,
): Promise<never> {
  const outputs = [process.stdout, process.stderr];
  // The reader may leave early, as `head` does. That is no error, and what is under way ends in order.
  for (const output of outputs) output.on('error', () => undefined);
  let code = 1;
  try {
    code = await main();
  } catch (error) {
    console.error(explain(error) ?? error);
  }
  await Promise.all(outputs.map((output) => new Promise((resolve) => void output.write('', resolve))));
  process.exit(code);
}
