/** `npm test`: first every check, the cheapest first, then every test. */
import { pinnedEnvironment, run } from './runtime.mjs';
import { throughShutFolders } from './shut-folders.mjs';
import { seconds } from './steps.mjs';
import { countTests, failures, findTestFiles, readReports, removeReports, verdict } from './test-reports.mjs';

/** For two cores: the tests of one project at a time, with two workers. */
const stages = [
  { name: 'format', file: 'oxfmt', args: ['--check', '.'], nx: false },
  {
    name: 'lint and types',
    file: 'nx',
    args: ['run-many', '-t', 'lint', 'typecheck', '--parallel=2'],
    nx: true,
  },
  { name: 'unused code', file: 'knip', args: [], nx: false },
  {
    name: 'tests',
    file: 'nx',
    args: ['run-many', '-t', 'test', '--parallel=1', '--output-style=stream'],
    nx: true,
  },
];

/** Whether any test needs Chromium. It is large, so it is installed only if needed. */
export function hasBrowserTests() {
  return findTestFiles().some((file) => file.endsWith('.browser.test.ts'));
}

/**
 * Runs every stage even if one fails, so that one run shows all failures.
 * @param {string[]} args for nx, such as `-p cache` to run one project only
 * @param {Record<string, string>} environment
 * @returns {Promise<number>} the exit code
 */
export async function runTests(args, environment) {
  const env = pinnedEnvironment(environment);
  const prefix = throughShutFolders();
  removeReports();
  const outcomes = [];
  for (const stage of stages) {
    console.log(`\n── ${stage.name} ──`);
    const started = performance.now();
    const command = [...prefix, stage.file, ...stage.args, ...(stage.nx ? args : [])];
    const code = await run(command, env);
    outcomes.push({ name: stage.name, passed: code === 0, duration_ms: performance.now() - started });
  }
  console.log('\n── summary ──');
  for (const { name, passed, duration_ms } of outcomes) {
    console.log(`  ${passed ? '✔' : '✖'} ${name} (${seconds(duration_ms)})`);
  }
  const reports = readReports();
  for (const { file, test, why } of failures(reports)) {
    console.log(`  ✖ ${file}: ${test}\n    ${why.slice(0, 500).replaceAll('\n', '\n    ')}`);
  }
  const { passed, failed } = verdict(outcomes, countTests(reports));
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
