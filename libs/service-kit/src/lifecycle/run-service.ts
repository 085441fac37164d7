import { type Part, startPart, withDeadline } from '@catalog/runtime';
import type { Logger } from '../logging/logger.ts';
import type { WorkerLink } from '../workers/link.ts';

export interface ServiceScope {
  /** Aborted when the service begins to stop. */
  readonly signal: AbortSignal;
  /** The service calls these in reverse order when it stops: on SIGTERM, SIGINT, a failed start or a failed part. */
  onStop(name: string, stop: () => unknown): void;
  /** Runs a part until its turn to stop. A part that ends earlier or fails stops the service, with exit code 1. */
  run(name: string, part: Part): void;
}

/** A step that hangs must not prevent the others from being stopped. */
const stopStep_ms = 9_000;

/**
 * Runs a process; only `main.ts` calls it. It starts, waits for SIGTERM or SIGINT, stops everything in reverse order and
 * exits: with code 0 after a signal, with 1 after a failure. A second signal exits at once.
 */
export async function runService(options: {
  log: Logger;
  /** Of a worker: its primary decides when it stops. */
  link?: WorkerLink | undefined;
  start(scope: ServiceScope): Promise<void>;
}): Promise<void> {
  const { log, link } = options;
  const stops: { name: string; stop: () => unknown }[] = [];
  const controller = new AbortController();
  const ending = Promise.withResolvers<number>();

  const stop = (reason: string): void => {
    if (controller.signal.aborted) return;
    log.info({ reason }, 'stopping');
    link?.leaving();
    controller.abort();
    ending.resolve(0);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(1);
    stop(signal);
  };
  const fail = (message: string) => (error: unknown) => {
    log.fatal({ err: error }, message);
    controller.abort();
    ending.resolve(1);
  };
  process.on('SIGTERM', onSignal);
  // Ctrl-C in a terminal reaches all processes of the group. The primary tells its workers.
  process.on('SIGINT', link === undefined ? onSignal : () => undefined);
  link?.onStop(stop);
  process.on('uncaughtException', fail('uncaught exception'));
  process.on('unhandledRejection', fail('unhandled rejection'));

  const scope: ServiceScope = {
    signal: controller.signal,
    onStop(name, stop) {
      stops.push({ name, stop });
    },
    run(name, part) {
      const running = startPart(part);
      stops.push({ name, stop: () => running.stop() });
      running.ended.then(
        () => {
          if (!controller.signal.aborted) fail(`${name} ended before it was told to stop`)(undefined);
        },
        fail(`${name} failed`),
      );
    },
  };

  try {
    await Promise.race([options.start(scope), ending.promise]);
  } catch (error) {
    fail('the service could not start')(error);
  }
  let exitCode = await ending.promise;
  for (const { name, stop } of stops.toReversed()) {
    try {
      await withDeadline(async () => stop(), {
        after_ms: stopStep_ms,
        late: () => new Error(`it did not stop within ${stopStep_ms} ms`),
      });
    } catch (error) {
      log.error({ err: error, part: name }, 'a part could not be stopped');
      exitCode = 1;
    }
  }
  log.info({ exitCode }, 'stopped');
  log.flush();
  process.exit(exitCode);
}
