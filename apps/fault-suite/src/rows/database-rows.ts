/** Faults of Postgres, and critical changes in it. */
import { randomUUID } from 'node:crypto';
import { timings } from '@catalog/contracts';
import { pause } from '@catalog/runtime';
import { writeProduct } from '../load/product-write.ts';
import { read } from '../load/read.ts';
import { insertProducts } from '../load/writers.ts';
import { massChangeRow } from './mass-change-row.ts';
import { demoProducts, whileTruncated } from '../system/demo-products.ts';
import { refuseSessions } from '../system/refused-sessions.ts';
import type { Row } from './row.ts';
import { writerRow } from './writer-row.ts';

const others = `select pg_terminate_backend(pid) from pg_stat_activity
  where datname = 'catalog' and pid <> pg_backend_pid() and application_name <> 'fault suite'`;

export const databaseRows: readonly Row[] = [
  writerRow,
  {
    id: '27',
    fault: 'all Postgres connections are cut in the middle of transactions',
    injected: 'pg_terminate_backend of all sessions, five times',
    quick: true,
    async inject({ system }) {
      for (let cut = 0; cut < 5; cut++) {
        await system.sql.query(others);
        await pause(500);
      }
    },
  },
  {
    id: '28',
    fault: 'Postgres crashes',
    injected: 'immediate shutdown; it starts again',
    quick: true,
    async inject({ system }) {
      await system.killAndAwait('postgres', 'SIGQUIT');
    },
  },
  {
    id: '29',
    fault: 'Postgres is down',
    injected: 'all sessions are ended, and new ones are refused',
    quick: true,
    async inject(stage) {
      const { system, patience, keys } = stage;
      await using _down = await refuseSessions(system);
      await pause(Math.max(5_000, 60_000 * patience));
      const answer = await writeProduct(
        stage.system,
        'PATCH',
        `/${keys.lasting[0]}`,
        { priceMinor: 5 },
        { 'if-match': '*' },
      );
      stage.observe(`a write got ${answer.status}, Retry-After ${answer.headers['retry-after']}`);
      stage.expect(
        answer.status === 503 && answer.headers['retry-after'] !== undefined,
        'a write gets 503 with Retry-After',
      );
    },
  },
  {
    id: '30',
    fault: 'Postgres is slow',
    injected:
      '2 s latency between one reader and Postgres; then a table lock that every query waits for; reads of uncached keys',
    async inject({ system, keys, observe, expect }) {
      const reader = system.readers[1];
      if (reader === undefined) throw new Error('The second reader is missing.');
      const ask = (key: string, client: string) =>
        read(undefined, { client, process: reader.name, url: reader.url, key });
      const ids = await demoProducts(system.sql, 200);
      const missAll = async (what: string, some: readonly string[]): Promise<void> => {
        const answers = await Promise.all(some.map((id) => ask(id, 'miss')));
        const slowest_ms = Math.max(...answers.map(({ start_ms, end_ms }) => end_ms - start_ms));
        const shed = answers.filter(({ said }) => said?.startsWith('503')).length;
        observe(
          `${what}: ${shed} of ${some.length} misses got 503, the slowest answer took ${slowest_ms.toFixed(0)} ms`,
        );
        expect(slowest_ms < 1_500, `${what}: misses get an answer or 503 within 1.5 s`);
      };
      system.proxies.postgres.delay(2_000);
      await missAll('with latency', ids.slice(0, 100));
      await pause(2_000);
      system.proxies.postgres.passThrough();
      await pause(1_000);
      const holder = await system.sql.connect();
      try {
        await holder.query('begin');
        await holder.query('lock table catalog.products in access exclusive mode');
        const missing = missAll('with a lock', ids.slice(100));
        const hits = await Promise.all(keys.lasting.map((key) => ask(key, 'hit')));
        await missing;
        const failed = hits.filter(({ outcome }) => outcome !== 'ok').length;
        observe(`with a lock: ${failed} of ${hits.length} hits failed`);
        expect(failed === 0, 'hits are unaffected');
        await pause(2_000);
        await holder.query('rollback');
      } finally {
        holder.release();
      }
    },
  },
  {
    id: '31',
    fault: 'a row lock is held',
    injected: 'PATCH of a row that a transaction has locked',
    async inject(stage) {
      const [key] = stage.keys.lasting;
      const client = await stage.system.sql.connect();
      try {
        await client.query('begin');
        await client.query('select from catalog.products where id = $1 for update', [key]);
        const began_ms = performance.now();
        const answer = await writeProduct(
          stage.system,
          'PATCH',
          `/${key}`,
          { priceMinor: 6 },
          { 'if-match': '*' },
        );
        const took_ms = performance.now() - began_ms;
        stage.observe(`the PATCH got ${answer.status} after ${took_ms.toFixed(0)} ms`);
        stage.expect(
          [409, 503].includes(answer.status) && took_ms < 4_000,
          'the PATCH gets 409 or 503 within the lock timeout',
        );
        await client.query('rollback');
      } finally {
        client.release();
      }
    },
  },
  {
    id: '33',
    fault: 'a product is read while it is deleted',
    injected: 'for one key after the other, a DELETE races the fills of both readers',
    quick: true,
    async inject(stage) {
      const { system, patience, expect, observe } = stage;
      const rounds = Math.max(100, Math.round(10_000 * patience));
      let alive = 0;
      const deleted: string[] = [];
      for (let round = 0; round < rounds; round++) {
        const key = randomUUID();
        await system.sql.query(insertProducts, [[key]]);
        const racing = system.readers.flatMap(({ name, url }) =>
          [1, 2].map(() => read(undefined, { client: 'racer', process: name, url, key })),
        );
        await Promise.all([
          ...racing,
          writeProduct(stage.system, 'DELETE', `/${key}`, undefined, { 'if-match': '*' }),
        ]);
        deleted.push(key);
      }
      await pause(timings.bound_ms);
      for (const key of deleted) {
        for (const { name, url } of system.readers) {
          const { present, stale } = await read(undefined, { client: 'racer', process: name, url, key });
          if (present === true && stale !== true) alive += 1;
        }
      }
      observe(`${rounds} deletes; ${alive} reads found the product after the bound`);
      expect(alive === 0, 'no read finds a deleted product after the bound');
    },
  },
  {
    id: '34',
    fault: 'a missing product is cached, then created',
    injected: 'GET of ids that do not exist, then INSERT',
    async inject({ system, expect, observe }) {
      const keys = Array.from({ length: 20 }, () => randomUUID());
      const readAll = () =>
        Promise.all(
          keys.flatMap((key) =>
            system.readers.map(({ name, url }) =>
              read(undefined, { client: 'new', process: name, url, key }),
            ),
          ),
        );
      await readAll();
      await system.sql.query(insertProducts, [keys]);
      await pause(timings.bound_ms);
      const missing = (await readAll()).filter(({ present }) => present !== true).length;
      observe(
        `${missing} of ${keys.length * system.readers.length} reads did not find the new product after the bound`,
      );
      expect(missing === 0, 'new products are found within the bound');
      await system.sql.query('delete from catalog.products where id = any ($1)', [keys]);
    },
  },
  massChangeRow,
  {
    id: '42',
    fault: 'the table of products is truncated',
    injected: 'TRUNCATE of the products, by SQL',
    quick: true,
    withoutLoad: true,
    async inject({ system, keys, expect }) {
      const all = [...keys.lasting, ...keys.shortLived];
      const readAll = () =>
        Promise.all(
          all.flatMap((key) =>
            system.readers.map(({ name, url }) =>
              read(undefined, { client: 'truncate', process: name, url, key }),
            ),
          ),
        );
      await readAll();
      await whileTruncated(system.sql, async () => {
        await Promise.all(all.map((key) => system.afterWrite(key)));
        await pause(timings.bound_ms);
        const alive = (await readAll()).filter(
          ({ present, stale }) => present === true && stale !== true,
        ).length;
        expect(alive === 0, `no read finds a deleted product after the bound (${alive} did)`);
      });
    },
  },
];
