/** Faults of the cache Redis, and of the network between it and the readers. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '@catalog/runtime';
import { eventually, startRedis } from '@catalog/testing';
import { read } from '../load/read.ts';
import { nearCacheRow } from './near-cache-row.ts';
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

/** Makes the cache Redis a replica of `of` until it has copied the data, then promotes it again. */
async function takeOver({ system }: Stage, of: { readonly port: number }): Promise<void> {
  await system.cache.replicaof('127.0.0.1', String(of.port));
  await eventually(async () => /master_link_status:up/.test(await system.cache.info('replication')), {
    timeout_ms: 20_000,
  });
  await system.cache.replicaof('NO', 'ONE');
}

export const cacheRows: readonly Row[] = [
  {
    id: '1',
    fault: 'a slow fill races an invalidation',
    injected: '60 ms latency between one reader and Redis, so that its fills arrive after invalidations',
    quick: true,
    inject: (stage) => slowFills(stage, async () => {}),
  },
  {
    id: '2',
    fault: 'a slow fill races an invalidation, and keys are lost meanwhile',
    injected: 'as row 1, with repeated FLUSHALL',
    inject: (stage) => slowFills(stage, async () => void (await stage.system.cache.flushall())),
  },
  {
    id: '17',
    fault: 'the cache Redis hangs',
    injected: 'its process is paused with SIGSTOP, later SIGCONT',
    quick: true,
    inject: ({ system, patience }) => system.hang('cache-redis', Math.max(4_000, 10_000 * patience)),
  },
  {
    id: '18',
    fault: 'the cache Redis crashes',
    injected: 'kill -9; it starts again, empty',
    quick: true,
    inject: ({ system }) => system.killAndAwait('cache-redis'),
  },
  wipeRow,
  {
    id: '20',
    fault: 'Redis connections are cut in a loop',
    injected: 'CLIENT KILL of all clients, 30 times',
    async inject({ system }) {
      for (let cut = 0; cut < 30; cut++) {
        for (const type of ['normal', 'pubsub']) await system.cache.call('CLIENT', 'KILL', 'TYPE', type);
        await pause(100);
      }
    },
  },
  {
    id: '21',
    fault: 'the cache Redis runs out of memory',
    injected: 'maxmemory 1 MiB above the use, allkeys-lfu, and 20 MiB of other keys',
    async inject({ system }) {
      const used = Number(/used_memory:(\d+)/.exec(await system.cache.info('memory'))?.[1]);
      await system.cache.config('SET', 'maxmemory', String(used + 2 ** 20));
      for (let index = 0; index < 2_000; index++)
        await system.cache.set(`rubbish:${index}`, 'x'.repeat(10_000), 'EX', 60);
      await system.cache.config('SET', 'maxmemory', '256mb');
      for (let index = 0; index < 2_000; index++) await system.cache.del(`rubbish:${index}`);
    },
  },
  {
    id: '24',
    fault: 'Redis fails over to a replica that lacks writes, and back again',
    injected: 'a replica whose replication was cut is promoted; twice, without a restart',
    quick: true,
    async inject(stage) {
      const { system } = stage;
      for (let failover = 0; failover < 2; failover++) {
        await using replica = await startRedis({
          config: {
            masteruser: 'operator',
            masterauth: new URL(await system.stack.redisUrl('cache')).password,
            'replica-read-only': 'no',
          },
        });
        const { Redis } = await import('ioredis');
        const other = new Redis(replica.url);
        try {
          await other.replicaof('127.0.0.1', String(system.stack.port('cache-redis')));
          await eventually(async () => /master_link_status:up/.test(await other.info('replication')), {
            timeout_ms: 20_000,
          });
          await other.replicaof('NO', 'ONE');
        } finally {
          other.disconnect();
        }
        // The replica lacks what is written from now on.
        await pause(1_500);
        await takeOver(stage, replica);
        await pause(2_500);
      }
    },
  },
  {
    id: '25',
    fault: 'Redis restarts from an old dump',
    injected: 'SAVE, more changes, kill -9; it starts with the dump',
    async inject({ system }) {
      await system.cache.save();
      await pause(1_500);
      await system.killAndAwait('cache-redis');
      await rm(join(system.stack.folder, 'cache-redis/dump.rdb'), { force: true });
    },
  },
  {
    id: '26',
    fault: 'Redis loses its scripts',
    injected: 'SCRIPT FLUSH, 20 times',
    quick: true,
    async inject({ system }) {
      for (let flush = 0; flush < 20; flush++) {
        await system.cache.script('FLUSH');
        await pause(100);
      }
    },
  },
  nearCacheRow,
  {
    id: '36',
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
      await system.cache.del(`product:${key}`);
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
        `${made} loads for 1,000 reads (including loads of the background load), ${failed} reads failed`,
      );
      expect(made < 100, 'the reads share their loads');
      expect(failed <= 1, 'at least 99.9 % of the reads are answered');
    },
  },
];
