/**
 * The record of a running stack: its own pid and those of its children. It tells a second start that one is
 * running, and a start after a crash which processes were left behind.
 */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { StackProblem } from '../problem.ts';
import { endProcess, isRunning } from './process-table.ts';
import type { TellUnwritten } from './unwritten.ts';

const entrySchema = z.object({
  name: z.string(),
  pid: z.int().positive(),
  /** A part of its command line that no other program has. */
  marker: z.string().min(1),
  stopSignal: z.enum(['SIGTERM', 'SIGINT']),
});
export type RunEntry = z.infer<typeof entrySchema>;
const recordSchema = z.object({ supervisor: entrySchema, children: z.array(entrySchema) });
type RunRecord = z.infer<typeof recordSchema>;

/** No process has this pid, and no command line this marker. */
const nobody: RunEntry = { name: 'nobody', pid: 2 ** 31 - 1, marker: '\0', stopSignal: 'SIGTERM' };

/** How long a leftover may take to end by itself; Postgres writes a checkpoint first. */
const patience_ms = 10_000;

export class RunFile {
  readonly #file: string;
  readonly #record: RunRecord;
  readonly #unwritten: TellUnwritten;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, record: RunRecord, unwritten: TellUnwritten) {
    this.#file = file;
    this.#record = record;
    this.#unwritten = unwritten;
  }

  /**
   * Takes the folder for this process. Leftovers of a stack that was killed are ended first.
   * @throws StackProblem when a stack is running here
   */
  static async claim(
    file: string,
    supervisor: RunEntry,
    say: (line: string) => void,
    unwritten: TellUnwritten,
  ): Promise<RunFile> {
    const text = await readText(file);
    if (text !== undefined) {
      const old = parseRecord(text);
      await refuseIfRunning(old);
      await endLeftovers(old, say);
      await takeAway(file, text, `${file}.of-${supervisor.pid}`);
    }
    const record = { supervisor, children: [] };
    const own = `${file}.by-${supervisor.pid}`;
    await writeFile(own, JSON.stringify(record), { mode: 0o600 });
    try {
      // Complete from the first moment, and never in the place of another: an empty file would look cut short.
      await link(own, file);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      throw anotherStart();
    } finally {
      await rm(own, { force: true });
    }
    return new RunFile(file, record, unwritten);
  }

  /** Notes a child under its name; a restarted one takes the place of the one before. */
  note(entry: RunEntry): void {
    this.#record.children = [...this.#record.children.filter(({ name }) => name !== entry.name), entry];
    this.#write();
  }

  forget(name: string): void {
    this.#record.children = this.#record.children.filter((entry) => entry.name !== name);
    this.#write();
  }

  async release(): Promise<void> {
    await this.#writing;
    await rm(this.#file, { force: true });
  }

  /**
   * Beside the file and renamed, so that a crash in the middle leaves the former record. Without it the stack
   * still runs and stops; only a start after a crash would miss a child, and find its port taken.
   */
  #write(): void {
    const text = JSON.stringify(this.#record);
    this.#writing = this.#writing.then(async () => {
      try {
        await writeFile(`${this.#file}.new`, text, { mode: 0o600 });
        await rename(`${this.#file}.new`, this.#file);
      } catch (error) {
        this.#unwritten(this.#file, error as Error);
      }
    });
  }
}

/** @throws StackProblem when the stack of this file is running */
export async function requireNotRunning(file: string): Promise<void> {
  const record = await readRecord(file);
  if (record) await refuseIfRunning(record);
}

/** Ends the children of a stack that was killed, and says so. */
export async function clearLeftovers(file: string, say: (line: string) => void): Promise<void> {
  const record = await readRecord(file);
  if (record) await endLeftovers(record, say);
}

async function refuseIfRunning({ supervisor: { pid, marker } }: RunRecord): Promise<void> {
  if (pid !== process.pid && (await isRunning(pid, marker))) {
    throw new StackProblem(
      `A stack is already running here (pid ${pid}).`,
      `Use it, or end it with Ctrl-C in its terminal or with: kill ${pid}`,
    );
  }
}

/** The last started first: services before the stores they use. */
async function endLeftovers({ children }: RunRecord, say: (line: string) => void): Promise<void> {
  for (const { name, pid, marker, stopSignal } of children.toReversed()) {
    if (!(await isRunning(pid, marker))) continue;
    say(`ending ${name} (pid ${pid}), left over from a stack that was killed`);
    await endProcess(pid, marker, stopSignal, patience_ms);
  }
}

/**
 * Removes the record of a stack that is gone, unless another start was quicker: of two that rename the same file
 * one succeeds, and whoever then holds another text than it read has caught the winner's claim, and gives it back.
 * @throws StackProblem when another start was quicker
 */
async function takeAway(file: string, text: string, aside: string): Promise<void> {
  try {
    await rename(file, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw anotherStart();
  }
  const ours = (await readText(aside)) === text;
  if (!ours) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
  if (!ours) throw anotherStart();
}

function anotherStart(): StackProblem {
  return new StackProblem(
    'Another npm start has begun at the same moment.',
    'Use that one, or end it with Ctrl-C.',
  );
}

/** @returns undefined when there is no file */
async function readRecord(file: string): Promise<RunRecord | undefined> {
  const text = await readText(file);
  return text === undefined ? undefined : parseRecord(text);
}

/** @returns undefined when there is no file */
async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}

function parseRecord(text: string): RunRecord {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    // A crash cut it short, so it tells nothing; Postgres' own lock and the port check still guard the data.
    return { supervisor: nobody, children: [] };
  }
}
