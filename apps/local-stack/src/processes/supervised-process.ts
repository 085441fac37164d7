/**
 * One child process that is kept alive.
 *
 *   idle ──start()──▶ starting ──ready──▶ up ──dies──▶ waiting ──backoff over──▶ starting …
 *                        │ dies before it was ever ready: start() throws
 *   any  ──stop()───▶ stopping ──▶ stopped
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunEntry } from '../machine/run-file.ts';
import type { TellUnwritten } from '../machine/unwritten.ts';
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
  /** What tells this process from every other on the machine: a part of its command line. */
  readonly marker: string;
  /** Asks for an orderly end. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  readonly stopPatience_ms: number;
  readonly startPatience_ms: number;
  /** Resolves when the process can be used; called anew after each start. `sawLine` awaits a line of output. */
  ready(child: { sawLine(pattern: RegExp): Promise<void>; signal: AbortSignal }): Promise<void>;
  /** What of a line of output the person at the terminal should see, if anything. */
  surface(line: string): string | undefined;
}

export interface Surroundings {
  readonly logFolder: string;
  say(line: string): void;
  readonly unwritten: TellUnwritten;
  note(entry: RunEntry): void;
  forget(name: string): void;
}

/** Doubled with each death in a row; a process that dies at once must not eat a core. */
const firstBackoff_ms = 100;
const longestBackoff_ms = 5_000;
/** Whoever lived this long did not die of starting. */
const stable_ms = 10_000;

export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly #surroundings: Surroundings;
  readonly #log: LogFile;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #deathsInARow = 0;
  #keeping: Promise<void> | undefined;

  constructor(spec: ProcessSpec, surroundings: Surroundings) {
    this.spec = spec;
    this.#surroundings = surroundings;
    this.#log = new LogFile(surroundings.logFolder, spec.name, surroundings.unwritten);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it, waits until it is ready, then keeps it alive. @throws StackProblem when it does not come up */
  async start(): Promise<void> {
    const exited = await this.#launch();
    this.#keeping = this.#keepAlive(exited);
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    if (child && isAlive(child)) {
      child.kill(this.spec.stopSignal);
      const late = await Promise.race([
        this.#exited.then(() => false),
        pause(this.spec.stopPatience_ms, true, { ref: false }),
      ]);
      if (late) {
        this.#surroundings.say(
          `${this.spec.name} did not end in ${this.spec.stopPatience_ms / 1000} s and is killed`,
        );
        killGroup(child);
        await this.#exited;
      }
    }
    await this.#keeping;
    this.#surroundings.forget(this.spec.name);
    await this.#log.close();
  }

  /** One life: resolves when it is ready, to a promise of its end. */
  async #launch(): Promise<{ readonly ended: Promise<void> }> {
    const { spec } = this;
    const started = performance.now();
    const child = spawn(spec.file, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own: Ctrl-C must reach only the supervisor, which knows the right order.
      detached: true,
      ...(spec.uid === undefined ? {} : { uid: spec.uid }),
      ...(spec.gid === undefined ? {} : { gid: spec.gid }),
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('close', () => resolve());
      child.once('error', (error) => {
        this.#log.line(String(error));
        resolve();
      });
    });
    if (child.pid !== undefined) {
      const { name, marker, stopSignal } = spec;
      this.#surroundings.note({ name, pid: child.pid, marker, stopSignal });
    }
    const watchers = this.#readOutput(child);
    const over = new AbortController();
    const ended = this.#exited;
    void ended.then(() => over.abort());
    const tooLate = AbortSignal.timeout(spec.startPatience_ms);
    try {
      const signal = AbortSignal.any([over.signal, tooLate, this.#stopping.signal]);
      const sawLine = (pattern: RegExp) => watchers.expect(pattern);
      await Promise.race([spec.ready({ sawLine, signal }), aborted(signal)]);
    } catch (cause) {
      if (isAlive(child)) killGroup(child);
      await ended;
      const why = tooLate.aborted
        ? `was not ready after ${spec.startPatience_ms / 1000} s`
        : `ended while it started`;
      throw new StackProblem(
        `${spec.name} ${why}.`,
        `Its last words, the rest is in ${this.#log.path}:\n${this.#lastWords().join('\n')}`,
        { cause },
      );
    }
    void ended.then(() => {
      const lived_ms = performance.now() - started;
      this.#deathsInARow = lived_ms > stable_ms ? 1 : this.#deathsInARow + 1;
    });
    return { ended };
  }

  async #keepAlive(life: { readonly ended: Promise<void> }): Promise<void> {
    const { name } = this.spec;
    let current: { readonly ended: Promise<void> } | undefined = life;
    while (!this.#stopping.signal.aborted) {
      await current?.ended;
      if (this.#stopping.signal.aborted) return;
      const { exitCode, signalCode } = this.#child ?? {};
      const wait_ms = Math.min(longestBackoff_ms, firstBackoff_ms * 2 ** Math.max(0, this.#deathsInARow - 1));
      this.#surroundings.say(
        `${name} ended (${signalCode ?? `exit code ${exitCode}`}); starting it again in ${wait_ms} ms`,
      );
      if (await pauseUnless(wait_ms, this.#stopping.signal)) return;
      try {
        current = await this.#launch();
        this.#surroundings.say(`${name} is back`);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        if (!(error instanceof StackProblem)) throw error;
        this.#surroundings.say(`${error.message} See ${this.#log.path}`);
        this.#deathsInARow += 1;
        current = undefined;
      }
    }
  }

  /** Before the first start is through, the problem it throws tells all; at the end, endings are no news. */
  #isTold(): boolean {
    return this.#keeping !== undefined && !this.#stopping.signal.aborted;
  }

  /** What it would have shown, or else its raw output. */
  #lastWords(): readonly string[] {
    const lines = this.#log.last();
    const shown = lines.map((line) => this.spec.surface(line)).filter((line) => line !== undefined);
    return shown.length > 0 ? shown : lines;
  }

  #readOutput(child: ChildProcess) {
    const expected = new Set<{ pattern: RegExp; resolve: () => void }>();
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#log.line(line);
        for (const expectation of expected) {
          if (expectation.pattern.test(line)) expectation.resolve();
        }
        const shown = this.#isTold() ? this.spec.surface(line) : undefined;
        if (shown !== undefined) this.#surroundings.say(`${this.spec.name}: ${shown}`);
      });
    }
    return {
      expect: (pattern: RegExp) => new Promise<void>((resolve) => void expected.add({ pattern, resolve })),
    };
  }
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** The whole group, since a child may have children; it leads its group because it was started detached. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

/** @returns true when it was cut short */
async function pauseUnless(duration_ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await pause(duration_ms, undefined, { signal });
    return false;
  } catch {
    return true;
  }
}
