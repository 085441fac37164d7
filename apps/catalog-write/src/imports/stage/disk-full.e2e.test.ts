/** Runs Postgres on a small disk of its own. The test needs the right to mount one and is skipped without it. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { problemSchema } from '@catalog/contracts';
import { startPostgres } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { counts, csv, csvRow, imported, postImport } from '../../testing/import-calls.ts';
import { runningService, type RunningService } from '../../testing/running-service.ts';

const disk = await mkdtemp(join(tmpdir(), 'catalog-small-disk-'));
const mounted =
  process.platform === 'linux' &&
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256m,mode=0777', 'none', disk]).status === 0;
const ballast = join(disk, 'ballast');

let resources: AsyncDisposableStack;
let service: RunningService;
beforeAll(async () => {
  if (!mounted) return;
  resources = new AsyncDisposableStack();
  const usualFolder = process.env['TMPDIR'];
  process.env['TMPDIR'] = disk;
  try {
    const postgres = await startPostgres({ config: { max_wal_size: '32MB', min_wal_size: '32MB' } });
    resources.use(postgres);
    service = resources.use(await runningService({ serverUrl: postgres.url }));
  } finally {
    if (usualFolder === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = usualFolder;
  }
  await imported(service, csv(csvRow('KEPT')));
});
afterAll(async () => {
  if (mounted) {
    await resources.disposeAsync();
    spawnSync('umount', [disk]);
  }
  await rm(disk, { recursive: true, force: true });
});

async function leaveFree(free_MiB: number): Promise<void> {
  await rm(ballast, { force: true });
  const { bavail, bsize } = await statfs(disk);
  await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - free_MiB * 2 ** 20)));
}

const file = (rows: number): string =>
  csv(...Array.from({ length: rows }, (_, index) => csvRow(`ROW-${index}`, 'x'.repeat(200))));

// A record takes 300 bytes in the staging table, and several times that with indexes, history, outbox and WAL.
test.runIf(mounted).each([
  ['while the records are staged', 8, 100_000],
  ['while they are applied', 24, 40_000],
])(
  'a disk that fills up %s answers 503, changes nothing, and works again once there is room',
  async (_name, free_MiB, rows) => {
    const before = await service.state();
    await leaveFree(free_MiB);
    const res = await postImport(service, file(rows), { query: 'mode=skip-failed' });
    const problem = problemSchema.parse(await res.json());
    expect([res.status, problem.code]).toEqual([503, 'unavailable']);
    expect(res.headers.get('retry-after')).not.toBeNull();
    await rm(ballast);
    // Postgres may have restarted.
    await expect.poll(() => service.state().catch(() => undefined), { timeout: 20_000 }).toEqual(before);
    const dryRun = { query: 'dryRun=true' };
    expect(counts(await imported(service, file(rows), dryRun))).toEqual([rows, 0, 0, 0]);
  },
  60_000,
);
