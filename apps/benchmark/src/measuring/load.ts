/** Sends as many requests as a server can answer, over a fixed number of connections. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cores, onCores } from './machine.ts';

export interface Load {
  readonly url: string;
  /** A file with one path a line. */
  readonly paths: string;
  /** The first line to use. */
  readonly start?: number | undefined;
  /** Such as `Authorization: Bearer …`. */
  readonly header?: string | undefined;
  readonly seconds: number;
  readonly connections?: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly duration_us: number;
  readonly failed: number;
  /** The CPU time of the generator. */
  readonly cpu_us: number;
  readonly p50_us: number;
  readonly p99_us: number;
}

const run = promisify(execFile);

/** wrk is written in C and needs a third of the CPU of a Node server. autocannon needs more than the server. */
export const hasWrk = await run('wrk', ['--version']).then(
  () => true,
  // `wrk --version` exits with 1.
  (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
);

export async function runLoad(load: Load): Promise<LoadResult> {
  const { url, paths, start = 0, header, seconds, connections = 32 } = load;
  const more = header === undefined ? [] : [header];
  const script = join(import.meta.dirname, 'wrk.lua');
  const command = hasWrk
    ? ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url]
    : [
        process.execPath,
        join(import.meta.dirname, 'autocannon-main.ts'),
        url,
        `${connections}`,
        `${seconds}`,
      ];
  const rest = hasWrk ? ['--', paths, `${start}`, ...more] : [paths, `${start}`, ...more];
  const [file = '', ...args] = onCores(cores?.others, [...command, ...rest]);
  const { stdout } = await run(file, args);
  const line = stdout.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`The load generator printed no result:\n${stdout}`);
  return JSON.parse(line) as LoadResult;
}
