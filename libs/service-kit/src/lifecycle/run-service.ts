import type { Logger } from '../logging/logger.ts';

/** Something that works until it is stopped. `run` resolves after `stop`, and rejects when it cannot go on. */
export interface Service {
  run(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServiceScope {
  /** Aborted when the service begins to stop. */
  readonly signal: AbortSignal;
  /** Undone in reverse order on SIGTERM, SIGINT, a failed start, or a failed part. */
  onStop(name: string, stop: () => unknown): void;
  /** Runs a part beside the others; its failure ends the whole service with exit code 1. */
  run(name: string, service: Service): void;
}

/** One step that hangs must not keep the rest from being stopped. */
const stopStep_ms = 9_000;

/**
 * The life of a process, used by `main.ts` only: start, wait for SIGTERM or SIGINT, undo in reverse
 * order, exit. Exit code 0 after a signal, 1 when anything failed. A second signal exits at once.
 */
export async function runService(options: {
  log: Logger;
  start(scope: ServiceScope): Promise<void>;
}): Promise<void> {
  const { log } = options;
  const stops: { name: string; stop: () => unknown }[] = [];
  const controller = new AbortController();
  const ending = Promise.withResolvers<number>();

  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(1);
    log.info({ signal }, 'stopping');
    controller.abort();
    ending.resolve(0);
  };
  const fail = (message: string) => (error: unknown) => {
    log.fatal({ err: error }, message);
    controller.abort();
    ending.resolve(1);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('uncaughtException', fail('an exception nobody caught'));
  process.on('unhandledRejection', fail('a rejection nobody handled'));

  const scope: ServiceScope = {
    signal: controller.signal,
    onStop(name, stop) {
      stops.push({ name, stop });
    },
    run(name, service) {
      stops.push({ name, stop: () => service.stop() });
      service.run().then(
        () => {
          if (!controller.signal.aborted) fail(`${name} ended on its own`)(undefined);
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
    let timer: NodeJS.Timeout | undefined;
    try {
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`not stopped within ${stopStep_ms} ms`)), stopStep_ms);
      });
      await Promise.race([(async () => stop())(), late]);
    } catch (error) {
      log.error({ err: error, part: name }, 'a part could not be stopped');
      exitCode = 1;
    } finally {
      clearTimeout(timer);
    }
  }
  log.info({ exitCode }, 'stopped');
  log.flush();
  process.exit(exitCode);
}
