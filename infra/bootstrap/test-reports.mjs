/** Reads the report of vitest in every project. Nx restores it when it takes a result from its cache. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './runtime.mjs';

/**
 * @typedef {{ status: string, assertionResults: unknown[] }} FileResult
 * @typedef {{ numPassedTests: number, numFailedTests: number, testResults: FileResult[] }} Report
 * @typedef {{ passed: number, failed: number }} Count
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

/** @returns {Count} */
export function addReports() {
  const reports = projectFolders().map(reportOf).filter(existsSync);
  return sum(reports.map((file) => countTests(readReport(file))));
}

/**
 * @param {string} file
 * @returns {Report}
 */
function readReport(file) {
  return /** @type {Report} */ (JSON.parse(readFileSync(file, 'utf8')));
}

/** @param {Count[]} counts */
function sum(counts) {
  return {
    passed: counts.reduce((total, count) => total + count.passed, 0),
    failed: counts.reduce((total, count) => total + count.failed, 0),
  };
}

/**
 * A file that failed before its first test has no failed test. It counts as one failure.
 * @param {Report} report
 * @returns {Count}
 */
export function countTests(report) {
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length };
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
 * @param {string} relative
 * @returns {string[]}
 */
function walk(root, relative) {
  return readdirSync(join(root, relative), { withFileTypes: true }).flatMap((entry) => {
    const path = join(relative, entry.name);
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) return [];
    if (entry.isDirectory()) return walk(root, path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}
