/** A process with two parts. The first one does what the argument says. Both write to stdout when they stop. */
import { once } from 'node:events';
import type { Part } from '@catalog/runtime';
import { createLogger } from '../logging/logger.ts';
import { runService } from './run-service.ts';

const untilStopped = (name: string): Part => ({
  async run(signal) {
    if (!signal.aborted) await once(signal, 'abort');
    process.stdout.write(`${name} stops\n`);
  },
});
const firstPart: Record<string, Part> = {
  fails: { run: () => Promise.reject(new Error('broken')) },
  ends: { run: () => Promise.resolve() },
  works: untilStopped('first'),
};

await runService({
  log: createLogger({ service: 'parts', level: 'silent' }),
  async start(scope) {
    scope.run('other', untilStopped('other'));
    scope.run('first', firstPart[process.argv[2] ?? ''] ?? untilStopped('first'));
    // Keeps the process alive, as a server does.
    const timer = setInterval(() => {}, 60_000);
    scope.onStop('timer', () => clearInterval(timer));
    process.stdout.write('started\n');
  },
});
