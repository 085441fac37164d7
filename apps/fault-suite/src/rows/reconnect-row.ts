/** A reader that finds only one of its stores. */
import { pause } from '@catalog/runtime';
import { eventually, startReader, tcpProxy } from '@catalog/testing';
import { isHit, read } from '../load/read.ts';
import { demoProducts } from '../system/demo-products.ts';
import { metric } from '../system/metrics.ts';
import { withPort } from '../system/with-port.ts';
import type { Row } from './row.ts';

export const reconnectRow: Row = {
  id: '52',
  onCluster: 'same',
  fault: 'a reader reconnects to the cache Redis while Postgres is away',
  injected:
    'a third reader loses Postgres, then its connections to the cache Redis, and finds only Redis again',
  async inject({ system, observe, expect }) {
    const { stack } = system;
    await using postgres = await tcpProxy({ to: stack.port('postgres') });
    await using redis = await system.cache.behind('catalog-read', (to) => tcpProxy({ to }));
    await using third = await startReader(stack, {
      env: {
        DATABASE_URL: withPort(await stack.databaseUrl('catalog_read'), postgres.port),
        CACHE_REDIS_URL: redis.url,
      },
    });
    const keys = await demoProducts(system.sql, 50);
    const [first] = system.readers;
    for (const key of keys) {
      const fill = { client: 'fill', process: first?.name ?? '', url: first?.url ?? '', key };
      // A fill may be refused or time out. Only a hit shows that Redis holds the key.
      await eventually(async () => isHit(await read(undefined, fill)));
    }
    postgres.refuse();
    postgres.cut();
    for (const proxy of redis.proxies) proxy.cut();
    await eventually(async () => (await metric(third.url, 'cache_fresh')) === 0);
    await pause(1_000);
    const answers = [];
    for (const key of keys)
      answers.push(await read(undefined, { client: 'away', process: 'third reader', url: third.url, key }));
    postgres.passThrough();
    const served = answers.filter(({ outcome }) => outcome === 'ok');
    const back = await eventually(
      async () => {
        const url = third.url;
        const one = await read(undefined, {
          client: 'back',
          process: 'third reader',
          url,
          key: keys[0] ?? '',
        });
        return one.stale === false && one;
      },
      { timeout_ms: 10_000 },
    );
    observe(
      `${served.length} of ${keys.length} keys that only Redis held were served, ${served.filter(({ stale }) => stale).length} marked stale; ` +
        `with Postgres back: ${back.said}`,
    );
    expect(served.length === keys.length, 'every key that Redis holds is served');
    expect(
      served.every(({ stale }) => stale === true),
      'each of these answers is marked stale',
    );
  },
};
