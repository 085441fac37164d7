/** A row with clocks that jump. */
import { glob, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause } from '@catalog/runtime';
import { startReader } from '@catalog/testing';
import { ownWorker } from '../system/own-worker.ts';
import { readBeside } from './own-readers.ts';
import type { Row } from './row.ts';

/** Finds the library in the folders of Debian and other systems. */
async function findFaketime(): Promise<string | undefined> {
  for await (const file of glob('/usr/{lib,lib64,local/lib}/{,*/}faketime/libfaketimeMT.so.1')) return file;
  return undefined;
}

/** The difference between the clock of a service and ours. */
async function clockOffset_s(url: string): Promise<number> {
  const response = await fetch(`${url}/livez`);
  await response.body?.cancel();
  return (Date.parse(response.headers.get('date') ?? '') - Date.now()) / 1000;
}

export const clockRow: Row = {
  id: '38',
  fault: 'clocks jump',
  injected:
    'the clocks of a reader and of the worker jump by an hour in both directions (libfaketime), while the worker is paused for longer than the bound',
  async impossible() {
    if ((await findFaketime()) !== undefined) return undefined;
    return 'libfaketime is missing. Debian, Ubuntu: apt-get install faketime. Fedora: dnf install libfaketime';
  },
  async inject(stage) {
    const { system, observe, expect } = stage;
    await using resources = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'catalog-clock-'));
    resources.defer(() => rm(folder, { recursive: true }));
    const clock = join(folder, 'offset');
    await writeFile(clock, '+0');
    const env = {
      LD_PRELOAD: await findFaketime(),
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    const worker = resources.use(await ownWorker(system, { env }));
    await worker.start();
    const reader = resources.use(await startReader(system.stack, { env }));
    const offsets_s: number[] = [];
    await readBeside(stage, [{ name: 'reader with another clock', url: reader.url }], async () => {
      for (const offset of ['+3600', '-3600', '+0']) {
        await writeFile(clock, offset);
        await pause(2_500);
        offsets_s.push(await clockOffset_s(reader.url));
        worker.signal('SIGSTOP');
        await pause(3_500);
        worker.signal('SIGCONT');
        await pause(1_000);
      }
    });
    observe(
      `the reader's clock was off by ${offsets_s.map((offset) => `${offset.toFixed(0)} s`).join(', ')}`,
    );
    const [forth = 0, back = 0] = offsets_s;
    expect(forth > 3_590 && back < -3_590, 'the clock jumped');
  },
};
