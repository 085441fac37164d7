import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Load } from './load.ts';
import { cores, onCores } from './machine.ts';

export interface PacedResult {
  readonly requests: number;
  readonly unanswered: number;
  readonly failed: number;
  readonly p50_us: number;
  readonly p99_us: number;
  /** How late the client itself sent its requests, at the 99th percentile. The latency includes this delay. */
  readonly late99_us: number;
}

const run = promisify(execFile);

/** The latency of a server at a fixed rate of requests. */
export async function runPaced(load: Load & { readonly perSecond: number }): Promise<PacedResult> {
  const { url, perSecond, seconds, paths, header } = load;
  const script = join(import.meta.dirname, 'paced-main.ts');
  const command = [process.execPath, script, url, `${Math.round(perSecond)}`, `${seconds}`, paths];
  const [file = '', ...args] = onCores(cores?.others, header === undefined ? command : [...command, header]);
  const { stdout } = await run(file, args);
  return JSON.parse(stdout) as PacedResult;
}
