/** Lists of paths in files, as the load generators want them. */
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

/** Always the same lines, from the beginning. */
export const repeated =
  ({ file }: PathFile, header?: string) =>
  () => ({ paths: file, header });

/**
 * Goes on where the last run has ended, as far as that is known: a run of `seconds` gets lines of its own for the most
 * requests that it may send.
 */
export function goingOn({ file, paths }: PathFile, mostPerSecond: number) {
  let next = 0;
  return (seconds: number) => {
    const start = next;
    next = (next + Math.ceil(mostPerSecond * seconds)) % paths.length;
    return { paths: file, start };
  };
}
