import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

export interface Script {
  readonly text: string;
  readonly sha: string;
}

const read = (name: string) => readFileSync(new URL(`../../lua/${name}`, import.meta.url), 'utf8');

function script(...names: string[]): Script {
  return scriptOf(names.map(read).join('\n'));
}

function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** A script as a function that another one calls. */
const asFunction = (name: string, file: string) => `local function ${name}(KEYS, ARGV)\n${read(file)}\nend\n`;

export const scripts = {
  readOrLease: script('life.lua', 'entry.lua', 'read_or_lease.lua'),
  fill: script('entry.lua', 'fill.lua'),
  invalidate: script('entry.lua', 'invalidate.lua'),
  invalidateEach: scriptOf(
    [read('entry.lua'), asFunction('invalidate', 'invalidate.lua'), read('invalidate_each.lua')].join('\n'),
  ),
  heartbeat: script('life.lua', 'heartbeat.lua'),
  acquireLock: script('acquire_lock.lua'),
  extendLock: script('extend_lock.lua'),
  releaseLock: script('release_lock.lua'),
  putTemporary: script('put_temporary.lua'),
};

/** ioredis has these, answering in buffers; its types leave them out. */
interface BufferEval {
  evalshaBuffer(
    sha: string,
    keyCount: number,
    ...rest: readonly (string | number | Buffer)[]
  ): Promise<unknown>;
  evalBuffer(
    text: string,
    keyCount: number,
    ...rest: readonly (string | number | Buffer)[]
  ): Promise<unknown>;
}

/** Runs a script by its hash, and by its text where the server does not know it (any more). */
export async function runScript(
  connection: Redis,
  { sha, text }: Script,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  const redis = connection as unknown as BufferEval;
  try {
    return await redis.evalshaBuffer(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return redis.evalBuffer(text, keys.length, ...keys, ...args);
  }
}
