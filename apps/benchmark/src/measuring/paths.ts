/** Lists of paths in files, which the load generators read. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface PathFile {
  readonly file: string;
  readonly paths: readonly string[];
}

export interface PathFolder extends AsyncDisposable {
  write(name: string, paths: readonly string[]): Promise<PathFile>;
}

export async function pathFolder(): Promise<PathFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'catalog-paths-'));
  return {
    async write(name, paths) {
      const file = join(folder, name);
      await writeFile(file, `${paths.join('\n')}\n`);
      return { file, paths };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Which lines a run gets. */
export interface Route {
  /** For the next run. */
  load(): Promise<{ readonly paths: string; readonly start?: number; readonly header?: string }>;
  /**
   * Called after a run, with the number of requests that it has sent.
   *
   * @returns false if the run does not count, because it has sent a line twice that must be sent once
   */
  ran(requests: number): boolean;
  /** Some paths that no run has sent in this turn. */
  sample(): readonly string[];
}

const samples = 20;
/** More requests than a run has sent without an answer when it ends: one for each connection. */
const underWay = 64;

/**
 * Always the same lines, from the beginning.
 *
 * @param header asked for before each run, because a token is valid for five minutes only
 */
export const repeated = ({ file, paths }: PathFile, header?: () => Promise<string>): Route => ({
  load: async () => ({ paths: file, ...(header && { header: await header() }) }),
  ran: () => true,
  sample: () => paths.slice(0, samples),
});

/**
 * Each run continues where the one before has ended.
 *
 * @param isOnce true if each path may be sent only once, because a product that was missed is a hit the next time. A run that had to
 *   begin again at the first path then does not count
 */
export function goingOn({ file, paths }: PathFile, isOnce = false): Route {
  let sent = 0;
  return {
    load: async () => ({ paths: file, start: sent % paths.length }),
    ran(requests) {
      sent += requests + underWay;
      return !isOnce || sent <= paths.length;
    },
    sample: () => paths.slice(sent % paths.length, (sent % paths.length) + samples),
  };
}
