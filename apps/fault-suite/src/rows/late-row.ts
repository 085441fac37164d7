/** A row with a reader that is paused between its read of Postgres and its fill, while Postgres fails over. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, startReader } from '@catalog/testing';
import { read } from '../load/read.ts';
import { insertProducts } from '../load/writers.ts';
import { holdChange, holdsChange } from '../system/held-change.ts';
import { goBack, pairOf } from './go-back.ts';
import type { Row } from './row.ts';

const fixture = new URL('../system/hold-admission.fixture.ts', import.meta.url).href;

export const lateRow: Row = {
  id: '58',
  outboxOnly: holdsChange,
  fault: 'a read by SKU is paused while Postgres fails over and loses its row',
  injected:
    'a third reader has read a version that is then lost, and is paused before its fill until all readers have followed',
  replicated: true,
  readsThatSucceed: 0.9,
  async inject(stage) {
    const { system, observe, expect } = stage;
    const { stack, sql } = system;
    const pair = pairOf(system);
    const HOLD_FILE = join(stack.folder, 'held-admission');
    await using third = await startReader(stack, {
      env: {
        DATABASE_URL: pair.url,
        HOLD_FILE,
        NODE_OPTIONS: `--import=${fixture}`,
      },
    });
    const key = randomUUID();
    await sql.query(insertProducts, [[key]]);
    const ask = (process: string, url: string) => read(undefined, { client: 'late', process, url, key });
    const kept = await eventually(async () => {
      const answer = await ask('third reader', third.url);
      return answer.present === true && answer;
    });
    const standby = await pair.addStandby();
    let lost = 0;
    let paused: Promise<Response> | undefined;
    await goBack(stage, 'other', 'with a paused reader', (look) =>
      pair.failOver(standby, look, async () => {
        // The caches do not hear of the change, so the reader asks Postgres.
        ({ version: lost } = await holdChange(sql, key));
        paused = fetch(`${third.url}/v1/products/by-sku/FAULT-${key}`, {
          headers: { 'min-version': String(lost) },
          signal: AbortSignal.timeout(60_000),
        });
        paused.catch(() => undefined);
        await eventually(() => existsSync(HOLD_FILE));
      }),
    );
    const readers = [...system.readers, { name: 'third reader', url: third.url }];
    const allRead = async (version: number | undefined) => {
      const answers = await Promise.all(readers.map(({ name, url }) => ask(name, url)));
      return answers.every((answer) => answer.version === version && answer.stale === false);
    };
    await eventually(() => allRead(kept.version), { timeout_ms: 10_000 });
    await rm(HOLD_FILE);
    const late = await paused;
    await late?.body?.cancel();
    observe(
      `the paused read of version ${lost} was answered with ${late?.status}; Postgres has ${kept.version}`,
    );
    expect(lost > (kept.version ?? 0), 'the paused reader has read a version that is lost');
    // 503 if the deadline of the caller had passed when the reader asked Postgres again.
    expect(late?.status === 412 || late?.status === 503, 'the lost version is not answered');
    expect(await allRead(kept.version), 'no cache takes the lost version');
  },
};
