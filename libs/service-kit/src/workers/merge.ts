/** Makes one answer about the service from the answers of its workers. */
import type { ReadinessReport } from '../health/readiness.ts';

/** By the number of the worker; undefined if it did not answer in time. */
export type Answers = ReadonlyMap<number, string | undefined>;

/**
 * Prometheus wants all samples of a metric in one group. The samples of each worker have its number as a label: a sum
 * over workers would fall when one of them is restarted, and Prometheus would count that as a reset of the sum.
 */
export function mergeMetrics(texts: Iterable<string | undefined>): string {
  const groups = new Map<string, string[]>();
  for (const text of texts) {
    for (const block of text?.split(/\n(?=# HELP )/) ?? []) {
      const [help = '', type = '', ...samples] = block.split('\n').filter((line) => line !== '');
      if (help === '') continue;
      const head = `${help}\n${type}`;
      const known = groups.get(head);
      if (known === undefined) groups.set(head, samples);
      else known.push(...samples);
    }
  }
  return [...groups].map(([head, samples]) => [head, ...samples, ''].join('\n')).join('\n');
}

/** Ready while every worker that runs is ready. A worker that is being started again is a warning. */
export function mergeReadiness(answers: Answers, wanted: number): ReadinessReport {
  const checks: Record<string, string> = {};
  const warnings: Record<string, string> = {};
  const note = (into: Record<string, string>, name: string, worker: number, text: string): void => {
    const known = into[name];
    into[name] = `${known === undefined || known === 'ok' ? '' : `${known}; `}worker ${worker}: ${text}`;
  };
  for (const [worker, text] of answers) {
    if (text === undefined) {
      note(checks, 'workers', worker, 'no answer');
      continue;
    }
    const report = JSON.parse(text) as ReadinessReport;
    for (const [name, result] of Object.entries(report.checks)) {
      if (result !== 'ok') note(checks, name, worker, result);
      else checks[name] ??= 'ok';
    }
    for (const [name, result] of Object.entries(report.warnings)) note(warnings, name, worker, result);
  }
  if (answers.size === 0) checks['workers'] = 'none runs';
  else if (answers.size < wanted) warnings['workers'] = `${answers.size} of ${wanted} run`;
  return { ready: Object.values(checks).every((result) => result === 'ok'), checks, warnings };
}
