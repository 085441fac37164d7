/** `npm run doctor`: what is wrong with the running stack, and what to do. It changes nothing. */
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { createPool, loadSql } from '@catalog/database';
import { host, requireFree, type Ports } from '../machine/ports.ts';
import { runningStack } from '../machine/run-file.ts';
import { exists, type StackFolder } from '../machine/stack-folder.ts';
import { StackProblem } from '../problem.ts';
import type { ServiceEntry } from '../service-table.ts';

export interface Finding {
  readonly subject: string;
  /** bad: it does not work · warn: it works, but somebody should look */
  readonly grade: 'good' | 'warn' | 'bad';
  readonly text: string;
  readonly remedy?: string;
}

export interface ExaminedStack {
  readonly folder: StackFolder;
  readonly ports: Ports;
  readonly services: readonly Pick<ServiceEntry, 'name'>[];
  /** As the owner of the database. */
  readonly databaseUrl: () => Promise<string>;
}

const answer_ms = 3_000;
const leastDisk_bytes = 2 ** 30;
/** Longer ones keep vacuum from cleaning, and migrations waiting. */
const longTransaction_s = 60;

export async function examine(stack: ExaminedStack): Promise<Finding[]> {
  const { folder, ports, services } = stack;
  const disk = await diskOf(folder);
  const pid = await runningStack(folder.runFile);
  if (pid === undefined) return [disk, await notRunning(stack)];
  const running: Finding = { subject: 'stack', grade: 'good', text: `runs (pid ${pid}) in ${folder.path}` };
  const parts = services.map(({ name }) => serviceFindings(name, ports[name], folder));
  return [disk, running, ...(await Promise.all(parts)).flat(), ...(await databaseFindings(stack))];
}

/** @returns a line or two for each finding */
export const findingLines = (findings: readonly Finding[]): string[] =>
  findings.flatMap(({ subject, grade, text, remedy }) => [
    `${marks[grade]} ${subject.padEnd(20)} ${text}`,
    ...(remedy === undefined ? [] : [`  ${' '.repeat(20)} ${remedy}`]),
  ]);

const marks = { good: '✔', warn: '!', bad: '✖' } as const;

async function diskOf({ path }: StackFolder): Promise<Finding> {
  const { bavail, bsize } = await statfs((await exists(path)) ? path : '.');
  const free = bavail * bsize;
  const text = `${(free / 2 ** 30).toFixed(1)} GiB are free`;
  if (free >= leastDisk_bytes) return { subject: 'disk', grade: 'good', text };
  const remedy =
    'Postgres stops when it is full. Make room, or delete a stack that you do not need: npm run reset';
  return { subject: 'disk', grade: 'warn', text, remedy };
}

async function notRunning({ ports, services }: ExaminedStack): Promise<Finding> {
  const text = 'No stack runs here.';
  try {
    await requireFree(ports, [...services.map(({ name }) => name), 'postgres', 'cache-redis', 'state-redis']);
    return { subject: 'stack', grade: 'bad', text, remedy: 'Start it: npm start' };
  } catch (error) {
    if (!(error instanceof StackProblem)) throw error;
    return { subject: 'stack', grade: 'bad', text: `${text} ${error.message}`, remedy: error.remedy };
  }
}

async function serviceFindings(name: string, port: number, { logs }: StackFolder): Promise<Finding[]> {
  const log = `Its log: ${join(logs, `${name}.log`)}`;
  const bad = (text: string): Finding => ({ subject: name, grade: 'bad', text, remedy: log });
  let report: { checks?: Record<string, string>; warnings?: Record<string, string> };
  try {
    const response = await fetch(`http://${host}:${port}/readyz`, { signal: AbortSignal.timeout(answer_ms) });
    report = (await response.json()) as typeof report;
  } catch (error) {
    const isLate = (error as Error).name === 'TimeoutError';
    return [
      bad(isLate ? `does not answer within ${answer_ms / 1_000} s` : `does not listen on port ${port}`),
    ];
  }
  const { checks = {}, warnings = {} } = report;
  const failing = Object.entries(checks).filter(([, said]) => said !== 'ok');
  const found = [
    ...failing.map(([check, said]) => bad(`is not ready: ${check} ${said}`)),
    ...Object.entries(warnings).map(([check, text]): Finding => ({
      subject: name,
      grade: 'warn',
      text: `${check}: ${text}`,
    })),
  ];
  return found.length > 0 ? found : [{ subject: name, grade: 'good', text: `is ready on port ${port}` }];
}

const facts = loadSql(import.meta.url, './doctor.sql');

interface Facts {
  readonly is_standby: boolean;
  readonly connections: number;
  readonly most_connections: number;
  readonly transaction_s: number;
  readonly transaction_of: string | null;
  readonly transaction_pid: number | null;
  readonly waiting: number;
}

async function databaseFindings({ databaseUrl }: ExaminedStack): Promise<Finding[]> {
  const url = await databaseUrl();
  const pool = createPool({ url, applicationName: 'npm run doctor', max: 1, connectTimeout_ms: answer_ms });
  try {
    const { rows } = await pool.query<Facts>(facts);
    return rows.flatMap(judge);
  } catch (error) {
    const text = `does not answer: ${(error as Error).message}`;
    return [{ subject: 'postgres', grade: 'bad', text, remedy: 'Is another Postgres at DATABASE_URL?' }];
  } finally {
    await pool.end();
  }
}

export function judge(row: Facts): Finding[] {
  const {
    connections,
    most_connections: most,
    waiting,
    transaction_s,
    transaction_of,
    transaction_pid,
  } = row;
  const found: Finding[] = [];
  const add = (grade: Finding['grade'], text: string, remedy: string): void =>
    void found.push({ subject: 'postgres', grade, text, remedy });
  if (row.is_standby) add('bad', 'is a standby, which may lag', 'Point DATABASE_URL at the primary.');
  if (connections > 0.9 * most)
    add(
      'warn',
      `${connections} of ${most} connections are in use`,
      'docs/environment.md has the sizes of the pools.',
    );
  if (transaction_s > longTransaction_s)
    add(
      'warn',
      `a transaction of "${transaction_of ?? ''}" has been open for ${transaction_s} s (pid ${transaction_pid})`,
      `It holds locks and keeps old rows. End it: npm run sql -- "select pg_terminate_backend(${transaction_pid})"`,
    );
  if (found.length > 0) return found;
  const text = `${connections} of ${most} connections are in use, ${waiting} changes wait for the worker`;
  return [{ subject: 'postgres', grade: 'good', text }];
}
