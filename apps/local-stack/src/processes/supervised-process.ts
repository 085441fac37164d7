/**
 * One child process that is kept alive.
 *
 *   starting ──ready──▶ up ──dies──▶ waiting ──backoff over──▶ starting …
 *      │ dies before it was ever ready: `ready` rejects, and the part ends
 *   any ──signal aborts──▶ stopping ──▶ ended
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { backoff, pause, type Part } from '@catalog/runtime';
import type { ReportWriteError, RunEntry } from '../machine/run-file.ts';
import { StackProblem } from '../problem.ts';
import { LogFile } from './log-file.ts';

export interface ProcessSpec {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
  /** A part of its command line that no other process of the machine has. */
  readonly marker: string;
  /** Asks for an orderly end. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  /**
   * How long it may take to end before it is killed. Ctrl-C promises an end within 10 s. All services end at once, then
   * all stores at once, so the longest of both plus a second for killing must fit.
   */
  readonly stopPatience_ms: number;
  readonly startPatience_ms: number;
  /** When a start takes this long, the person at the terminal hears the cause; 5 s by default. */
  readonly slowStart_ms?: number;
  /** Resolves when the process can be used. It is called after each start. */
  ready(child: StartingChild): Promise<void>;
  /** The part of an output line that the person at the terminal should see, if any. */
  surface(line: string): string | undefined;
  /** The same for a process that does not come up. The default is `surface`. */
  cause?(line: string): string | undefined;
}

export interface StartingChild {
  /** Resolves when the child prints a line that matches. */
  sawLine(pattern: RegExp): Promise<void>;
  /** Remembers why it is not ready, for the error of a start that fails. */
  notReady(reason: string): void;
  readonly signal: AbortSignal;
}

export interface Surroundings {
  readonly logFolder: string;
  say(line: string): void;
  readonly reportWriteError: ReportWriteError;
  record(entry: RunEntry): void;
  forget(name: string): void;
}

/** A process that dies at once must not use up a core. */
const restartDelay_ms = backoff({ first_ms: 100, most_ms: 5_000 });
/** A process that ran this long did not die from starting. */
const stable_ms = 10_000;
/** Enough to show why a start fails. The rest is in the log. */
const shownErrors = 4;
const shownLines = 15;

interface Child {
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
  readonly exit: AbortSignal;
  sawLine(pattern: RegExp): Promise<void>;
  /** Why it does not come up: its first errors, and why it is not ready. */
  errors(): readonly string[];
  /** The end of its output. */
  lastLines(): readonly string[];
  notReady(reason: string): void;
}

export class SupervisedProcess implements Part {
  readonly spec: ProcessSpec;
  /** Resolves when the process is ready for the first time. Rejects with a StackProblem when the first start fails. */
  readonly ready: Promise<void>;
  readonly #firstStart = Promise.withResolvers<void>();
  readonly #surroundings: Surroundings;
  #pid: number | undefined;
  #heldDown: Promise<void> | undefined;
  #isUp = false;

  constructor(spec: ProcessSpec, surroundings: Surroundings) {
    this.spec = spec;
    this.#surroundings = surroundings;
    this.ready = this.#firstStart.promise;
    // Without this line Node ends the process when a start fails before anybody waits for it.
    this.ready.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  signal(name: NodeJS.Signals): void {
    if (this.#pid !== undefined) process.kill(this.#pid, name);
  }

  /** Kills the process. It starts again when the returned function is called. */
  holdDown(): () => Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#heldDown = promise;
    killGroup(this.#pid);
    return async () => {
      this.#heldDown = undefined;
      resolve();
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { name } = this.spec;
    const { say, logFolder, reportWriteError, forget } = this.#surroundings;
    const log = new LogFile(logFolder, name, reportWriteError);
    let wasReady = false;
    for (let failures = 0; !signal.aborted;) {
      const began_ms = performance.now();
      const child = this.#spawn(log);
      try {
        await this.#untilReady(child, log, signal);
        if (wasReady) say(`${name} is back`);
        wasReady = true;
        this.#isUp = true;
        this.#firstStart.resolve();
        await untilAborted(AbortSignal.any([child.exit, signal]));
      } catch (error) {
        if (!wasReady) {
          this.#firstStart.reject(error);
          break;
        }
        if (!signal.aborted) say(`${(error as Error).message} See ${log.path}`);
      } finally {
        const isStable = this.#isUp && performance.now() - began_ms > stable_ms;
        this.#isUp = false;
        failures = isStable ? 1 : failures + 1;
        await this.#end(child.process, child.exited, signal.aborted);
      }
      if (this.#heldDown !== undefined) await Promise.race([this.#heldDown, untilAborted(signal)]);
      if (signal.aborted) break;
      const { signalCode, exitCode } = child.process;
      const wait_ms = restartDelay_ms(failures);
      say(`${name} ended (${signalCode ?? `exit code ${exitCode}`}); starting it again in ${wait_ms} ms`);
      await pause(wait_ms, signal);
    }
    forget(name);
    await log.close();
  }

  #spawn(log: LogFile): Child {
    const { name, file, args, cwd, env, uid, gid, marker, stopSignal } = this.spec;
    const process = spawn(file, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own: Ctrl-C must reach only the supervisor, which knows the right order.
      detached: true,
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    });
    this.#pid = process.pid;
    if (process.pid !== undefined) this.#surroundings.record({ name, pid: process.pid, marker, stopSignal });
    const exit = new AbortController();
    const exited = new Promise<void>((resolve) => {
      process.once('close', () => resolve());
      process.once('error', (error) => {
        read(String(error));
        resolve();
      });
    });
    void exited.then(() => exit.abort());

    const awaited = new Set<{ readonly pattern: RegExp; readonly resolve: () => void }>();
    const errors = new Set<string>();
    let lastLines: readonly string[] = [];
    let reason: string | undefined;
    const read = (line: string): void => {
      log.line(line);
      for (const { pattern, resolve } of awaited) if (pattern.test(line)) resolve();
      if (this.#isUp) {
        const shown = this.spec.surface(line);
        if (shown !== undefined) this.#surroundings.say(`${name}: ${shown}`);
        return;
      }
      const cause = this.spec.cause?.(line) ?? this.spec.surface(line);
      if (cause !== undefined && errors.size < shownErrors) errors.add(cause);
      lastLines = [...lastLines, line].slice(-shownLines);
    };
    for (const stream of [process.stdout, process.stderr])
      if (stream) createInterface({ input: stream }).on('line', read);
    return {
      process,
      exited,
      exit: exit.signal,
      sawLine: (pattern) => new Promise((resolve) => void awaited.add({ pattern, resolve })),
      notReady: (text) => void (reason = text),
      errors: () => [...errors, ...(reason === undefined ? [] : [reason])],
      lastLines: () => lastLines,
    };
  }

  /** @throws StackProblem when it ends first, or takes too long */
  async #untilReady(child: Child, log: LogFile, stop: AbortSignal): Promise<void> {
    const { name, startPatience_ms, slowStart_ms = 5_000 } = this.spec;
    const tooLate = AbortSignal.timeout(startPatience_ms);
    const signal = AbortSignal.any([child.exit, tooLate, stop]);
    const slow = setTimeout(() => {
      const errors = child.errors();
      if (errors.length === 0) return;
      this.#surroundings.say(
        [`${name} is not ready after ${slowStart_ms / 1000} s:`, ...errors].join('\n    '),
      );
    }, slowStart_ms);
    try {
      const failed = untilAborted(signal).then(() => Promise.reject(signal.reason as Error));
      await Promise.race([this.spec.ready({ ...child, signal }), failed]);
      // `ready` may return early because the signal has aborted.
      signal.throwIfAborted();
    } catch (cause) {
      const why = tooLate.aborted
        ? `was not ready after ${startPatience_ms / 1000} s`
        : 'ended while it started';
      const errors = child.errors();
      const shown = errors.length > 0 ? errors : child.lastLines();
      const remedy = [...shown, `The whole log: ${log.path}`].join('\n');
      throw new StackProblem(`${name} ${why}.`, remedy, { cause });
    } finally {
      clearTimeout(slow);
    }
  }

  /** Kills a child that has not come up. Asks any other child to stop, and kills it if it has not stopped in time. */
  async #end(child: ChildProcess, exited: Promise<void>, isOrderly: boolean): Promise<void> {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return exited;
    const { name, stopSignal, stopPatience_ms } = this.spec;
    if (isOrderly) child.kill(stopSignal);
    else killGroup(child.pid);
    const late = setTimeout(() => {
      this.#surroundings.say(`${name} did not end in ${stopPatience_ms / 1000} s and is killed`);
      killGroup(child.pid);
    }, stopPatience_ms);
    await exited;
    clearTimeout(late);
  }
}

/** The child leads its group, because it was started detached. The group holds its own children too. */
function killGroup(pid = 0): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
