/**
 * The record of a running stack: its own pid and those of its children. It tells a second start that a stack is
 * running, and it tells a start after a crash which processes still run.
 */
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { StackProblem } from '../problem.ts';
import { endProcess, isRunning } from './process-table.ts';

const entrySchema = z.object({
  name: z.string(),
  pid: z.int().positive(),
  /** A part of its command line that no other program has. Pids are used again, so the pid is not enough. */
  marker: z.string().min(1),
  stopSignal: z.enum(['SIGTERM', 'SIGINT']),
});
export type RunEntry = z.infer<typeof entrySchema>;
const recordSchema = z.object({ supervisor: entrySchema, children: z.array(entrySchema) });
type RunRecord = z.infer<typeof recordSchema>;

/** No process has this pid, and no command line has this marker. */
const nobody: RunEntry = { name: 'nobody', pid: 2 ** 31 - 1, marker: '\0', stopSignal: 'SIGTERM' };

/** How long a leftover process may take to end by itself. Postgres writes a checkpoint first. */
const patience_ms = 10_000;

/** Called when a file for people or for later starts cannot be written. The stack runs on without it. */
export type ReportWriteError = (file: string, error: Error) => void;

/** A full disk fails every file and every line at once, so only the first error is reported. */
export function reportFirstWriteError(say: (line: string) => void): ReportWriteError {
  let isReported = false;
  return (file, error) => {
    if (isReported) return;
    isReported = true;
    say(`${file} cannot be written (${error.message}); the stack runs on, but its logs will have gaps`);
  };
}

export class RunFile {
  readonly #file: string;
  readonly #record: RunRecord;
  readonly #reportWriteError: ReportWriteError;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, record: RunRecord, reportWriteError: ReportWriteError) {
    this.#file = file;
    this.#record = record;
    this.#reportWriteError = reportWriteError;
  }

  /**
   * Claims the folder for this process. It first ends the processes that a killed stack left running.
   * @throws StackProblem when a stack is running here
   */
  static async claim(
    file: string,
    supervisor: RunEntry,
    say: (line: string) => void,
    reportWriteError: ReportWriteError,
  ): Promise<RunFile> {
    const text = await readText(file);
    if (text !== undefined) {
      const old = parseRecord(text);
      await refuseIfRunning(old);
      await endLeftovers(old, say);
      await removeStale(file, text, `${file}.of-${supervisor.pid}`);
    }
    const record = { supervisor, children: [] };
    const own = `${file}.by-${supervisor.pid}`;
    await writeFile(own, JSON.stringify(record), { mode: 0o600 });
    try {
      // A link is complete at once and never replaces a file. An empty file would look like one that a crash cut short.
      await link(own, file);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      throw anotherStart();
    } finally {
      await rm(own, { force: true });
    }
    return new RunFile(file, record, reportWriteError);
  }

  /** Replaces the record of a child with the same name. */
  record(entry: RunEntry): void {
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
   * Writes another file and renames it, so that a crash in the middle leaves the record before. A stack whose record
   * cannot be written still runs and stops. But the start after a crash would miss a child, and find its port taken.
   */
  #write(): void {
    const text = JSON.stringify(this.#record);
    this.#writing = this.#writing.then(async () => {
      try {
        await writeFile(`${this.#file}.new`, text, { mode: 0o600 });
        await rename(`${this.#file}.new`, this.#file);
      } catch (error) {
        this.#reportWriteError(this.#file, error as Error);
      }
    });
  }
}

/** @returns the pid of the stack that runs here, if one does */
export async function runningStack(file: string): Promise<number | undefined> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  const { pid, marker } = parseRecord(text).supervisor;
  return (await isRunning(pid, marker)) ? pid : undefined;
}

async function refuseIfRunning({ supervisor: { pid, marker } }: RunRecord): Promise<void> {
  if (pid !== process.pid && (await isRunning(pid, marker))) {
    throw new StackProblem(
      `A stack is already running here (pid ${pid}).`,
      `Use it, or end it with Ctrl-C in its terminal or with: kill ${pid}`,
    );
  }
}

/** Ends the process that was started last first: services before the stores they use. */
async function endLeftovers({ children }: RunRecord, say: (line: string) => void): Promise<void> {
  for (const { name, pid, marker, stopSignal } of children.toReversed()) {
    if (!(await isRunning(pid, marker))) continue;
    say(`ending ${name} (pid ${pid}), left over from a stack that was killed`);
    await endProcess(pid, marker, stopSignal, patience_ms);
  }
}

/**
 * Removes the record of a dead stack. Two starts may race: only one can rename the file. The slower one may rename the
 * new record of the faster one instead; it sees another text than it has read, and puts that record back.
 *
 * @throws StackProblem when another start was faster
 */
async function removeStale(file: string, text: string, aside: string): Promise<void> {
  try {
    await rename(file, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw anotherStart();
  }
  const isStale = (await readText(aside)) === text;
  if (!isStale) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
  if (!isStale) throw anotherStart();
}

function anotherStart(): StackProblem {
  return new StackProblem(
    'Another npm start began at the same moment.',
    'Use that one, or end it with Ctrl-C.',
  );
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
    // A crash cut it short, so it says nothing. Postgres' own lock and the check of the ports still guard the data.
    return { supervisor: nobody, children: [] };
  }
}
