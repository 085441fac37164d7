import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startRedis } from '@catalog/testing';
import { expect, test } from 'vitest';

const fixture = new URL('garbage-of-reads.fixture.ts', import.meta.url).pathname;

/** What reaches the old generation costs a copy for each step there, and pauses when it is collected. */
test('what a read of Redis makes does not outlive it', { timeout: 60_000 }, async () => {
  await using server = await startRedis();
  const payload_bytes = 2_000;
  const { stdout } = await promisify(execFile)(process.execPath, [
    fixture,
    server.url,
    String(payload_bytes),
  ]);
  const { bytesPerRead } = JSON.parse(stdout) as { bytesPerRead: number };
  expect(bytesPerRead).toBeLessThan(payload_bytes / 500);
});
