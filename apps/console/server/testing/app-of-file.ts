import { afterAll, afterEach, vi } from 'vitest';
import { runningApp, type RunningApp } from './running-app.ts';

/** One app for all tests of a file. A test fails if a page meanwhile had a script error or asked another host. */
export async function appOfFile(): Promise<RunningApp> {
  // A browser and a stack on a busy machine are slow.
  vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });
  const app = await runningApp();
  afterAll(() => app[Symbol.asyncDispose]());
  afterEach(async () => {
    await app.closeAll();
    const complaints = app.complaints.splice(0);
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  });
  return app;
}
