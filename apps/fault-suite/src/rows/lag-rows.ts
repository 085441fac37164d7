/** Faults while the watermark lags: the worker is alive, and a change is held up. */
import { timings } from '@catalog/contracts';
import { pause } from '@catalog/runtime';
import { eventually, startReader, tcpProxy } from '@catalog/testing';
import type { Operation } from '../history/operation.ts';
import { read } from '../load/read.ts';
import { demoProduct } from '../system/demo-products.ts';
import { filteringProxy } from '../system/filtering-proxy.ts';
import { holdChange, holdsChange } from '../system/held-change.ts';
import { metric } from '../system/metrics.ts';
import { ownWorker } from '../system/own-worker.ts';
import { withPort } from '../system/with-port.ts';
import type { Row } from './row.ts';

const isNear = ({ said }: Operation) => said?.includes('detail=near') === true;
const watermarkAge_ms = async (url: string) => 1_000 * (await metric(url, 'cache_watermark_age_seconds'));

const staleAnswerRow: Row = {
  id: '47',
  onCluster: 'same',
  outboxOnly: holdsChange,
  fault: 'a stale answer is newer than the near cache, and the watermark recovers',
  injected:
    'a change is held up past the bound; a third reader loses Postgres and answers from Redis, which holds a newer version than its near cache',
  async inject({ system, load, observe, expect }) {
    const { stack, sql } = system;
    await using postgres = await tcpProxy({ to: stack.port('postgres') });
    const DATABASE_URL = withPort(await stack.databaseUrl('catalog_read'), postgres.port);
    await using third = await startReader(stack, { env: { DATABASE_URL } });
    const key = await demoProduct(sql);
    const ask = async (process: string, url: string, minVersion?: number) => {
      const operation = await read(undefined, { client: 'lag', process, url, key }, minVersion);
      load.history.push(operation);
      return operation;
    };
    const askThird = () => ask('third reader', third.url);
    const kept = await eventually(async () => {
      const operation = await askThird();
      return isNear(operation) && operation;
    });
    const held = await holdChange(sql);
    await eventually(async () => (await watermarkAge_ms(third.url)) > timings.bound_ms, {
      timeout_ms: 10_000,
    });
    const newer = await holdChange(sql, key);
    const first = system.readers[0];
    await ask(first?.name ?? '', first?.url ?? '', newer.version);
    postgres.refuse();
    postgres.cut();
    const stale = await eventually(async () => {
      const operation = await askThird();
      return operation.stale === true && operation;
    });
    await held.release();
    const after: Operation[] = [];
    await eventually(async () => (await watermarkAge_ms(third.url)) < timings.bound_ms, { interval_ms: 5 });
    for (let count = 0; count < 20; count++) after.push(await askThird());
    postgres.passThrough();
    await newer.release();
    const lowest = Math.min(...after.map(({ version = Infinity }) => version));
    observe(
      `the near cache held version ${kept.version}, the stale answer showed ${stale.version}; ` +
        `of ${after.length} reads after the recovery ${after.filter(({ stale }) => stale === false).length} were not marked stale, the lowest showed ${lowest}`,
    );
    expect((stale.version ?? 0) > (kept.version ?? 0), 'the stale answer is newer than the near cache');
    expect(
      after.some(({ stale }) => stale === false),
      'the watermark was within the bound again',
    );
    expect(lowest >= (stale.version ?? 0), 'no answer is older than the stale one');
  },
};

/** How far the clock of Redis is set back. */
const setBack_ms = 4_000;

const clockOfRedisRow: Row = {
  id: '57',
  onCluster: 'same',
  outboxOnly: holdsChange,
  fault: 'the clock of the cache Redis is set back while the feed lags',
  injected: `the answers of TIME that the worker has read were ${setBack_ms / 1000} s ahead of the clock that ages its heartbeats; a change is held up`,
  async inject({ system, observe, expect }) {
    const { cache, sql } = system;
    const ahead_s = setBack_ms / 1_000;
    const setAhead = (chunk: Buffer) =>
      Buffer.from(
        chunk
          .toString('latin1')
          .replaceAll(
            /\*2\r\n\$10\r\n(\d{10})\r\n/g,
            (_all, seconds: string) => `*2\r\n$10\r\n${Number(seconds) + ahead_s}\r\n`,
          ),
        'latin1',
      );
    await using doors = await cache.behind('invalidation-worker', (to) =>
      filteringProxy(to, (toServer, toClient) => ({
        fromClient: toServer,
        fromServer: (chunk) => toClient(setAhead(chunk)),
      })),
    );
    await using worker = await ownWorker(system, { env: { CACHE_REDIS_URL: doors.url } });
    const [first] = system.readers;
    const url = first?.url ?? '';
    const key = await demoProduct(sql);
    const ask = () => read(undefined, { client: 'clock', process: first?.name ?? '', url, key });
    await ask();
    await worker.start();
    const held = await holdChange(sql, key);
    const held_ms = performance.now();
    const answers: Operation[] = [];
    let youngest_ms = Infinity;
    while (performance.now() < held_ms + setBack_ms + 3_000) {
      answers.push(await ask());
      if (performance.now() > held_ms + setBack_ms) {
        youngest_ms = Math.min(youngest_ms, await watermarkAge_ms(url));
      }
      await pause(50);
    }
    await held.release();
    const late = answers.filter(({ start_ms }) => start_ms > held_ms + timings.bound_ms);
    const old = late.filter(({ version = 0, stale }) => version < held.version && stale !== true);
    observe(
      `${late.length} reads after the bound, ${old.length} of them showed the old version unmarked; ` +
        `the watermark that the reader saw was at least ${youngest_ms.toFixed(0)} ms old`,
    );
    expect(late.length > 20, 'there were enough reads');
    expect(old.length === 0, 'no answer past the bound misses the change');
    expect(Number.isFinite(youngest_ms), 'heartbeats were heard while the change was held up');
    expect(youngest_ms > timings.bound_ms, 'the heartbeats do not understate the age of the watermark');
  },
};

export const lagRows: readonly Row[] = [staleAnswerRow, clockOfRedisRow];
