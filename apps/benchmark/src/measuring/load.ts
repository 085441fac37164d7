/** Sends as many requests as a server can answer, or at a fixed rate. */
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
  /** Whole seconds; a part of one counts as one. */
  readonly seconds: number;
  readonly connections?: number;
  /** Requests a second. Unset: as many as are answered. There are then as many connections as that takes. */
  readonly perSecond?: number;
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

/** At a fixed rate, the client goes before all others on its core. Otherwise it would measure how late it is itself. */
const goFirst = await run('chrt', ['-f', '1', 'true']).then(
  () => ['chrt', '-f', '1'],
  // Not everybody may do that.
  () => [],
);

/** From an answer to the next request of its connection, on average, if the rate is fixed. wrk counts milliseconds. */
const pause_ms = 2;
/** That a timer of wrk is late, on average. */
const late_ms = 0.5;

/**
 * At a fixed rate, wrk sends the next request of a connection after a pause, whose length is drawn. There are so many connections that
 * few of them wait for an answer. So a server that is slow for a moment gets the requests of the others meanwhile. What would have come on
 * the connections that wait, wrk adds to the latencies. autocannon sends at fixed times, and adds it too.
 */
export async function runLoad(load: Load): Promise<LoadResult> {
  const { url, paths, start = 0, header, seconds, perSecond } = load;
  const isPaced = perSecond !== undefined;
  const connections = isPaced
    ? Math.max(1, Math.round((perSecond * (pause_ms + late_ms)) / 1_000))
    : (load.connections ?? 32);
  const more = header === undefined ? [] : [header];
  const script = join(import.meta.dirname, 'wrk.lua');
  const command = hasWrk
    ? ['wrk', '-t1', `-c${connections}`, `-d${Math.ceil(seconds)}s`, '--timeout', '10s', '-s', script, url]
    : [
        process.execPath,
        join(import.meta.dirname, 'autocannon-main.ts'),
        url,
        `${connections}`,
        `${seconds}`,
      ];
  const rest = hasWrk
    ? ['--', paths, `${start}`, `${isPaced ? pause_ms : 0}`, ...more]
    : [paths, `${start}`, `${isPaced ? Math.round(perSecond) : 0}`, ...more];
  const [file = '', ...args] = onCores(cores?.others, [...(isPaced ? goFirst : []), ...command, ...rest]);
  const { stdout } = await run(file, args);
  const line = stdout.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`The load generator printed no result:\n${stdout}`);
  return JSON.parse(line) as LoadResult;
}
