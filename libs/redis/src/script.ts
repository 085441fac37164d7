import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** A Lua script, sent by its hash. `Answer` is what the script returns, as its header says. */
export interface Script<Answer> {
  readonly text: string;
  readonly sha: string;
  /** Never set: it only carries the type. */
  readonly answer?: Answer;
}

/** A file of Lua as it is, or as the body of a function (KEYS, ARGV) that a later file calls. */
export type ScriptFile = string | { readonly file: string; readonly asFunction: string };

/**
 * A script made of files, one after the other. Each file has a header that names its keys, arguments and answer.
 *
 * @param base `import.meta.url` of the module that defines it; the files are relative to it
 */
export function defineScript<Answer>(base: string, ...files: readonly ScriptFile[]): Script<Answer> {
  const read = (file: string) => readFileSync(new URL(file, base), 'utf8');
  const text = files
    .map((each) =>
      typeof each === 'string'
        ? read(each)
        : `local function ${each.asFunction}(KEYS, ARGV)\n${read(each.file)}\nend\n`,
    )
    .join('\n');
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

type Argument = string | number | Buffer;
type Evaluate = (script: string, keyCount: number, ...rest: readonly Argument[]) => Promise<unknown>;

/**
 * Runs a script by its hash, and by its text when the server does not know the hash: after a restart, a failover or
 * SCRIPT FLUSH. Strings in the answer are strings.
 *
 * @throws ioredis errors, and what the script answers as an error
 */
export function runScript<Answer>(
  redis: Redis,
  script: Script<Answer>,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<Answer> {
  return run(script, keys, args, redis.evalsha.bind(redis), redis.eval.bind(redis));
}

/** As `runScript`, with a Buffer for each string in the answer: for payloads, which need no decoding. */
export function runScriptForBuffers<Answer>(
  redis: Redis,
  script: Script<Answer>,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<Answer> {
  const binary = redis as unknown as WithBuffers;
  return run(script, keys, args, binary.evalshaBuffer.bind(binary), binary.evalBuffer.bind(binary));
}

/** ioredis has these; its types leave them out. */
interface WithBuffers {
  readonly evalshaBuffer: Evaluate;
  readonly evalBuffer: Evaluate;
}

async function run<Answer>(
  { sha, text }: Script<Answer>,
  keys: readonly string[],
  args: readonly Argument[],
  byHash: Evaluate,
  byText: Evaluate,
): Promise<Answer> {
  try {
    return (await byHash(sha, keys.length, ...keys, ...args)) as Answer;
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return (await byText(text, keys.length, ...keys, ...args)) as Answer;
  }
}
