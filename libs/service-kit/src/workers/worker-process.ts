/**
 * One worker that is kept alive.
 *
 *   starting ──started──▶ serving ──exits──▶ waiting ──delay over──▶ starting …
 *       │ exits before it ever served: `run` rejects
 *   any ──signal aborts──▶ told to stop ──▶ exits, or is killed ──▶ ended
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { pause, type Part } from '@catalog/runtime';
import type { Logger } from '../logging/logger.ts';
import type { Receiver } from './hand-over.ts';
import { workerLimits as limits } from './limits.ts';
import { workerArguments } from './link.ts';
import type { Question, ToPrimary, ToWorker } from './messages.ts';

export interface WorkerEvents {
  serving(worker: WorkerProcess): void;
  /** It takes no connections from now on. */
  gone(worker: WorkerProcess): void;
  restarting(): void;
  taken(worker: WorkerProcess, connection: number): void;
  asked(worker: WorkerProcess, id: number, question: Question): void;
}

export class WorkerProcess implements Part, Receiver {
  readonly number: number;
  readonly #log: Logger;
  readonly #events: WorkerEvents;
  readonly #answers = new Map<number, (text: string | undefined) => void>();
  #child: ChildProcess | undefined;
  #hasServed = false;
  #isServing = false;
  #lastQuestion = 0;

  constructor(number: number, options: { readonly log: Logger; readonly events: WorkerEvents }) {
    this.number = number;
    this.#log = options.log;
    this.#events = options.events;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      const began_ms = performance.now();
      const child = this.#start();
      const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
      const stop = () => this.#tellToStop();
      signal.addEventListener('abort', stop);
      const [code, killedBy] = await exited;
      signal.removeEventListener('abort', stop);
      this.#leave();
      if (signal.aborted) return;
      if (!this.#hasServed) throw new Error(`worker ${this.number} ended while it started`);
      const isStable = performance.now() - began_ms > limits.stable_ms;
      failures = isStable ? 1 : failures + 1;
      const delay_ms = limits.restartDelay_ms(failures);
      this.#log.error(
        { worker: this.number, exitCode: code, signal: killedBy, delay_ms },
        'a worker ended and is started again',
      );
      this.#events.restarting();
      await pause(delay_ms, signal);
    }
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  send(message: ToWorker, socket?: Socket): boolean {
    const child = this.#child;
    if (child?.connected !== true) return false;
    // `keepOpen`: this process closes its copy when the worker says that it has the socket. The empty callback keeps an
    // error from being thrown when the worker has died; its exit says the same.
    return child.send(message, socket, { keepOpen: true }, () => undefined);
  }

  /** @returns undefined if there is no answer in time */
  ask(question: Question): Promise<string | undefined> {
    const id = ++this.#lastQuestion;
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(undefined), limits.answer_ms);
      const settle = (text: string | undefined) => {
        clearTimeout(timer);
        this.#answers.delete(id);
        resolve(text);
      };
      this.#answers.set(id, settle);
      this.send({ kind: 'question', id, question });
    });
  }

  #start(): ChildProcess {
    const child = fork(process.argv[1] ?? '', [...process.argv.slice(2), ...workerArguments(this.number)]);
    this.#child = child;
    child.on('error', (error) => this.#log.error({ worker: this.number, err: error }, 'a worker failed'));
    child.on('message', (message) => this.#hear(message as ToPrimary));
    // Comes before `exit`, and also from a process that closes the channel and goes on running.
    child.on('disconnect', () => this.#leave());
    return child;
  }

  #hear(message: ToPrimary): void {
    switch (message.kind) {
      case 'started':
        this.#hasServed = true;
        this.#isServing = true;
        this.#events.serving(this);
        break;
      case 'taken':
        this.#events.taken(this, message.id);
        break;
      case 'answer':
        this.#answers.get(message.id)?.(message.text);
        break;
      case 'ask-all':
        this.#events.asked(this, message.id, message.question);
        break;
      case 'leaving':
        this.#leave();
        break;
    }
  }

  #leave(): void {
    if (!this.#isServing) return;
    this.#isServing = false;
    this.#events.gone(this);
    for (const settle of this.#answers.values()) settle(undefined);
  }

  #tellToStop(): void {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    // A worker that still starts has nothing to finish.
    if (!this.#hasServed || !this.send({ kind: 'stop' })) child.kill('SIGTERM');
    const late = setTimeout(() => {
      this.#log.error({ worker: this.number }, 'killed a worker that did not stop in time');
      child.kill('SIGKILL');
    }, limits.stop_ms);
    child.once('exit', () => clearTimeout(late));
  }
}
