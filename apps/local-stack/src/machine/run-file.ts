/**
 * The record of a running stack: its own pid and those of its children. It tells a second start that one is
 * running, and a start after a crash which processes were left behind.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { StackProblem } from '../problem.ts';
import { endProcess, isRunning } from './process-table.ts';

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
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, record: RunRecord) {
    this.#file = file;
    this.#record = record;
  }

  /**
   * Takes the folder for this process. Leftovers of a stack that was killed are ended first.
   * @throws StackProblem when a stack is running here
   */
  static async claim(file: string, supervisor: RunEntry, say: (line: string) => void): Promise<RunFile> {
    const old = await readRecord(file);
    if (old !== undefined) {
      await refuseIfRunning(old);
      await endLeftovers(old, say);
      await rm(file, { force: true });
    }
    const record = { supervisor, children: [] };
    try {
      await writeFile(file, JSON.stringify(record), { flag: 'wx', mode: 0o600 });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      throw new StackProblem(
        'Another npm start has begun at the same moment.',
        'Use that one, or end it with Ctrl-C.',
      );
    }
    return new RunFile(file, record);
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

  /** Beside the file and renamed, so that a crash in the middle leaves the former record. */
  #write(): void {
    const text = JSON.stringify(this.#record);
    this.#writing = this.#writing.then(async () => {
      await writeFile(`${this.#file}.new`, text, { mode: 0o600 });
      await rename(`${this.#file}.new`, this.#file);
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

/** @returns undefined when there is no file */
async function readRecord(file: string): Promise<RunRecord | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    // A crash cut it short, so it tells nothing; Postgres' own lock and the port check still guard the data.
    return { supervisor: nobody, children: [] };
  }
}
