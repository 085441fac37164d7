/** Reads the report of vitest in every project. Nx restores it when it takes a result from its cache. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { repositoryRoot } from './runtime.mjs';

/**
 * @typedef {{ status: string, fullName: string, failureMessages: string[] }} TestResult
 * @typedef {{ name: string, status: string, message: string, assertionResults: TestResult[] }} FileResult
 * @typedef {{ numPassedTests: number, testResults: FileResult[] }} Report
 * @typedef {{ passed: number, failed: number }} Count
 * @typedef {{ file: string, test: string, why: string }} Failure `file`: its path from the root of the repository
 */

function projectFolders() {
  const groups = ['apps', 'libs'].map((group) => join(repositoryRoot, group));
  const folders = groups.flatMap((group) => readdirSync(group).map((name) => join(group, name)));
  return [...folders, join(repositoryRoot, 'infra')];
}

/** @param {string} folder */
const reportOf = (folder) => join(folder, 'reports/vitest.json');

/** Removes the reports of earlier runs, so that they do not count for a project that crashes in this run. */
export function removeReports() {
  for (const folder of projectFolders()) rmSync(reportOf(folder), { force: true });
}

/** @returns {Report[]} of the projects that have one */
export function readReports() {
  return projectFolders().map(reportOf).filter(existsSync).map(readReport);
}

/**
 * @param {string} file
 * @returns {Report}
 */
function readReport(file) {
  return /** @type {Report} */ (JSON.parse(readFileSync(file, 'utf8')));
}

/**
 * A file that failed before its first test has no failed test. It counts as one failure.
 * @param {Report[]} reports
 * @returns {Failure[]}
 */
export function failures(reports) {
  return reports
    .flatMap(({ testResults }) => testResults)
    .flatMap(({ name, status, message, assertionResults }) => {
      const file = relative(repositoryRoot, name);
      if (status === 'failed' && assertionResults.length === 0) {
        return [{ file, test: 'before its first test', why: message }];
      }
      const failed = assertionResults.filter((result) => result.status === 'failed');
      return failed.map(({ fullName, failureMessages }) => ({
        file,
        test: fullName,
        why: failureMessages.join('\n'),
      }));
    });
}

/**
 * @param {Report[]} reports
 * @returns {Count}
 */
export function countTests(reports) {
  const passed = reports.reduce((total, report) => total + report.numPassedTests, 0);
  return { passed, failed: failures(reports).length };
}

/**
 * Each test counts as one. A failed check counts as one failure, and so does a test run that failed without a failed test.
 * @param {{ name: string, passed: boolean }[]} outcomes
 * @param {Count} tests
 * @returns {Count}
 */
export function verdict(outcomes, tests) {
  const failedChecks = outcomes.filter(({ name, passed }) => !passed && name !== 'tests').length;
  const testRunFailed = outcomes.some(({ name, passed }) => !passed && name === 'tests');
  const failedTests = testRunFailed ? Math.max(tests.failed, 1) : tests.failed;
  return { passed: tests.passed, failed: failedTests + failedChecks };
}

/** @returns {string[]} the paths of all test files, relative to their project */
export function findTestFiles() {
  return projectFolders().flatMap((folder) => walk(folder, ''));
}

/**
 * @param {string} root
 * @param {string} folder
 * @returns {string[]}
 */
function walk(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) return [];
    if (entry.isDirectory()) return walk(root, path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}
