/** Faults of the cache Redis, and of the network between it and the readers. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import { read } from '../load/read.ts';
import { nearCacheRow } from './near-cache-row.ts';
import { redisFailoverRow } from './redis-failover-row.ts';
import type { Row, Stage } from './row.ts';
import { wipeRow } from './wipe-row.ts';

/** Slows one reader down between its read from Postgres and its fill of Redis, while `beside` runs again and again. */
async function slowFills({ system, patience }: Stage, beside: () => Promise<void>): Promise<void> {
  system.proxies.cache.delay(60);
  const until_ms = performance.now() + Math.max(5_000, 60_000 * patience);
  while (performance.now() < until_ms) {
    await beside();
    await pause(150);
  }
  system.proxies.cache.passThrough();
}

/** The only server, or each master of a cluster. */
async function onEachServer({ system }: Stage, work: (server: Redis) => Promise<unknown>): Promise<void> {
  await Promise.all((await system.cache.masters()).map(work));
}

export const cacheRows: readonly Row[] = [
  {
    id: '1',
    onCluster: 'same',
    fault: 'a slow fill races an invalidation',
    injected: '60 ms latency between one reader and Redis, so that its fills arrive after invalidations',
    quick: true,
    inject: (stage) => slowFills(stage, async () => {}),
  },
  {
    id: '2',
    onCluster: 'same',
    fault: 'a slow fill races an invalidation, and keys are lost meanwhile',
    injected: 'as row 1, with repeated FLUSHALL',
    inject: (stage) => slowFills(stage, () => onEachServer(stage, (server) => server.flushall())),
  },
  {
    id: '17',
    onCluster: 'same',
    fault: 'the cache Redis hangs',
    injected: 'its process is paused with SIGSTOP, later SIGCONT',
    quick: true,
    inject: ({ system, patience }) => system.cache.hang(Math.max(4_000, 10_000 * patience)),
  },
  {
    id: '18',
    onCluster: 'same',
    fault: 'the cache Redis crashes',
    injected: 'kill -9; it starts again, empty',
    quick: true,
    inject: ({ system }) => system.cache.crash(),
  },
  wipeRow,
  {
    id: '20',
    onCluster: 'same',
    fault: 'Redis connections are cut in a loop',
    injected: 'CLIENT KILL of all clients, 30 times',
    async inject(stage) {
      for (let cut = 0; cut < 30; cut++) {
        await onEachServer(stage, async (server) => {
          for (const type of ['normal', 'pubsub']) await server.call('CLIENT', 'KILL', 'TYPE', type);
        });
        await pause(100);
      }
    },
  },
  {
    id: '21',
    onCluster: 'same',
    fault: 'the cache Redis runs out of memory',
    injected: 'maxmemory 1 MiB above the use, allkeys-lfu, and 20 MiB of other keys',
    inject: (stage) =>
      onEachServer(stage, async (server) => {
        const used = Number(/used_memory:(\d+)/.exec(await server.info('memory'))?.[1]);
        // In a cluster, a key in braces keeps these keys in its slot, which this server has.
        const [, [present]] = await server.scan(0, 'MATCH', 'product:*', 'COUNT', 1_000);
        const rubbish = (index: number) => `rubbish:{${present}}:${index}`;
        await server.config('SET', 'maxmemory', String(used + 2 ** 20));
        for (let index = 0; index < 2_000; index++)
          await server.set(rubbish(index), 'x'.repeat(10_000), 'EX', 60);
        await server.config('SET', 'maxmemory', '256mb');
        for (let index = 0; index < 2_000; index++) await server.del(rubbish(index));
      }),
  },
  redisFailoverRow,
  {
    id: '25',
    fault: 'Redis restarts from an old dump',
    injected: 'SAVE, more changes, kill -9; it starts with the dump',
    onCluster: 'same',
    async inject(stage) {
      const { system } = stage;
      const { cache } = system;
      await onEachServer(stage, (server) => server.save());
      await pause(1_500);
      await cache.crash();
      for (const folder of cache.folders) await rm(join(folder, 'dump.rdb'), { force: true });
    },
  },
  {
    id: '26',
    onCluster: 'same',
    fault: 'Redis loses its scripts',
    injected: 'SCRIPT FLUSH, 20 times',
    quick: true,
    async inject(stage) {
      for (let flush = 0; flush < 20; flush++) {
        await onEachServer(stage, (server) => server.script('FLUSH'));
        await pause(100);
      }
    },
  },
  nearCacheRow,
  {
    id: '36',
    onCluster: 'same',
    fault: 'many reads of one uncached key at once',
    injected: '1,000 reads at once of one key that no cache holds',
    async inject({ system, keys, random, observe, expect }) {
      const key = keys.lasting[Math.floor(random() * keys.lasting.length)] ?? '';
      const loads = async (): Promise<number> => {
        const texts = await Promise.all(
          system.readers.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()),
        );
        return texts
          .flatMap((text) => [...text.matchAll(/^cache_loads_total\{[^}]*entity="product"[^}]*\} (\d+)/gm)])
          .reduce((sum, match) => sum + Number(match[1]), 0);
      };
      const cacheKey = `product:${key}`;
      await (await system.cache.of(cacheKey)).del(cacheKey);
      await system.sql.query('update catalog.products set weight_grams = 5 where id = $1', [key]);
      const before = await loads();
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, async (_, index) => {
          const { name, url } = system.readers[index % system.readers.length] ?? { name: '', url: '' };
          return read(undefined, { client: 'herd', process: name, url, key });
        }),
      );
      const failed = answers.filter(({ outcome }) => outcome !== 'ok').length;
      const made = (await loads()) - before;
      observe(
        `${made} loads for 1,000 reads (they include loads of the other clients), ${failed} reads failed`,
      );
      expect(made < 100, 'the reads share their loads');
      expect(failed <= 1, 'at least 99.9 % of the reads are answered');
    },
  },
];
