/** Shares one port among worker processes, and answers for all of them together. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { pause, together, type Part } from '@catalog/runtime';
import { Counter, Gauge } from 'prom-client';
import type { Logger } from '../logging/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { HandOver } from './hand-over.ts';
import { workerLimits as limits } from './limits.ts';
import { mergeMetrics, mergeReadiness } from './merge.ts';
import type { Question } from './messages.ts';
import { WorkerProcess, type WorkerEvents } from './worker-process.ts';

export interface PrimaryOptions {
  readonly workers: number;
  readonly port: number;
  readonly host: string;
  readonly log: Logger;
  /** Of this process. The metrics of all processes are shown together. */
  readonly metrics: Metrics;
}

/**
 * Starts the workers and listens when all of them serve. It stops without losing a request: it takes no more connections,
 * hands over those that it has, and tells the workers to drain.
 */
export class Primary implements Part, WorkerEvents {
  readonly #options: PrimaryOptions;
  readonly #handOver = new HandOver({
    mostWaiting: limits.waitingConnections,
    stuck_ms: limits.stuck_ms,
  });
  readonly #workers: readonly WorkerProcess[];
  readonly #allServe = Promise.withResolvers<undefined>();
  readonly #restarts: Counter;
  readonly #servingNow: Gauge;
  #isStopping = false;

  constructor(options: PrimaryOptions) {
    this.#options = options;
    const { log, metrics } = options;
    this.#workers = Array.from(
      { length: options.workers },
      (_, index) => new WorkerProcess(index + 1, { log, events: this }),
    );
    const registers = [metrics.registry];
    this.#restarts = new Counter({
      name: 'worker_restarts_total',
      help: 'Workers that ended and were started again.',
      registers,
    });
    this.#servingNow = new Gauge({
      name: 'workers_serving',
      help: 'Workers that take connections.',
      registers,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const workers = new AbortController();
    const running = together(...this.#workers).run(workers.signal);
    // `running` settles early when a worker cannot start.
    const failed = running.then(() => undefined);
    const stopped = signal.aborted ? Promise.resolve([]) : once(signal, 'abort');
    let server: Server | undefined;
    try {
      await Promise.race([this.#allServe.promise, failed, stopped]);
      if (!signal.aborted) {
        server = await this.#listen();
        await Promise.race([failed, stopped]);
      }
      this.#isStopping = true;
      // Only the listening socket. What this process has accepted still goes to the workers.
      server?.close();
      const end_ms = performance.now() + limits.handOver_ms;
      while (this.#handOver.pending > 0 && performance.now() < end_ms) await pause(5);
    } finally {
      server?.close();
      workers.abort();
      await running.finally(() => this.#handOver.close());
    }
  }

  async #listen(): Promise<Server> {
    const { port, host, log } = this.#options;
    // Not a byte is read here: the socket goes to a worker as it is.
    const server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) => {
      // A client that resets its connection on the way to the worker is no failure.
      socket.on('error', () => undefined);
      this.#handOver.accept(socket);
    });
    server.listen(port, host);
    await once(server, 'listening');
    const { port: taken } = server.address() as AddressInfo;
    log.info({ port: taken, host, workers: this.#workers.length }, 'listening');
    return server;
  }

  get #serving(): readonly WorkerProcess[] {
    return this.#workers.filter(({ isServing }) => isServing);
  }

  serving(worker: WorkerProcess): void {
    this.#handOver.add(worker);
    if (this.#serving.length === this.#workers.length) this.#allServe.resolve(undefined);
  }

  gone(worker: WorkerProcess): void {
    this.#handOver.remove(worker);
  }

  restarting(): void {
    this.#restarts.inc();
  }

  taken(worker: WorkerProcess, connection: number): void {
    this.#handOver.taken(worker, connection);
  }

  asked(worker: WorkerProcess, id: number, question: Question): void {
    void this.#answer(question).then((text) => worker.send({ kind: 'merged', id, text }));
  }

  async #answer(question: Question): Promise<string> {
    const answers = new Map(
      await Promise.all(
        this.#serving.map(async (worker) => [worker.number, await worker.ask(question)] as const),
      ),
    );
    if (question === 'readiness')
      return JSON.stringify(
        this.#isStopping
          ? { ready: false, checks: { drain: 'the service is stopping' }, warnings: {} }
          : mergeReadiness(answers, this.#workers.length),
      );
    this.#servingNow.set(this.#serving.length);
    const own = await this.#options.metrics.text();
    return mergeMetrics([own, ...answers.values()]);
  }
}
