/** Changes that cannot be applied, or cost more and more to find. */
import { timings } from '@catalog/contracts';
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { demoProducts } from '../system/demo-products.ts';
import { oldestUnapplied_ms } from '../system/outbox.ts';
import type { System } from '../system/system.ts';
import type { Row, Stage } from './row.ts';

interface Report {
  readonly checks: Readonly<Record<string, string>>;
  readonly warnings?: Readonly<Record<string, string>>;
}

async function workerReport({ system }: Stage): Promise<Report> {
  const response = await fetch(`${system.stack.url('invalidation-worker')}/readyz`);
  return (await response.json()) as Report;
}

/** The share of reads of keys in use that a cache answered. */
async function hitRate({ system, keys }: Stage): Promise<number> {
  let hits = 0;
  const asked = keys.lasting.slice(0, 50);
  for (const key of asked) {
    const response = await fetch(`${system.readers[0]?.url}/v1/products/${key}`);
    await response.body?.cancel();
    if (response.headers.get('cache-status')?.includes('hit') === true) hits += 1;
  }
  return hits / asked.length;
}

/** A session sends its statistics after a second. */
const statisticsDelay_ms = 1_500;

async function searchesOf({ sql }: System): Promise<{ readonly searches: number; readonly entries: number }> {
  const { rows } = await sql.query<{ searches: number; entries: number }>(
    `select idx_scan::float8 as searches, idx_tup_read::float8 as entries
     from pg_stat_user_indexes where indexrelname = 'outbox_unapplied'`,
  );
  return rows[0] ?? { searches: 0, entries: 0 };
}

const refused = 'app:settings';
/** What the user of the cluster may use. Patterns know no exceptions, so all other keys take two. */
const everyKey = '~*';
const otherKeys = ['~[^a]*', '~a[^p]*'];

export const refusalRows: readonly Row[] = [
  {
    id: '49',
    fault: 'a long snapshot beside a stream of changes',
    injected: 'a snapshot stays open while thousands of changes are committed',
    async inject({ system, patience, observe, expect }) {
      const ids = await demoProducts(system.sql, 500);
      const batches = Math.max(24, Math.round(160 * patience));
      let oldest_ms = 0;
      /** The number of index entries that one search for unapplied changes reads. */
      const entriesPerSearch = async (someBatches: number): Promise<number> => {
        const before = await searchesOf(system);
        for (let batch = 0; batch < someBatches; batch++) {
          const began_ms = performance.now();
          await system.sql.query(
            'update catalog.products set price_minor = price_minor + 1 where id = any ($1)',
            [ids],
          );
          await eventually(async () => {
            const waiting_ms = await oldestUnapplied_ms(system);
            oldest_ms = Math.max(oldest_ms, waiting_ms);
            return waiting_ms === 0 || performance.now() - began_ms > 200;
          });
        }
        await pause(statisticsDelay_ms);
        const after = await searchesOf(system);
        return (after.entries - before.entries) / Math.max(1, after.searches - before.searches);
      };
      const snapshot = await system.sql.connect();
      try {
        await snapshot.query('begin isolation level repeatable read');
        await snapshot.query('select 1');
        const first = await entriesPerSearch(batches / 4);
        await entriesPerSearch(batches / 2);
        const last = await entriesPerSearch(batches / 4);
        await snapshot.query('rollback');
        observe(
          `${batches * ids.length} changes beside the snapshot; a search read ${first.toFixed(0)} index entries at first, ` +
            `${last.toFixed(0)} at last; a change waited at most ${oldest_ms.toFixed(0)} ms`,
        );
        expect(last < 2 * first + ids.length, 'a search costs the same at any number of changes');
      } finally {
        snapshot.release(true);
      }
      expect(oldest_ms <= timings.bound_ms, 'changes are applied within the bound');
    },
  },
  {
    id: '60',
    onCluster: 'same',
    fault: 'a change that Redis refuses',
    injected: 'the ACL of the cache Redis forbids settings keys to the worker, and the settings change',
    async inject(stage) {
      const { system, observe, expect } = stage;
      const server = await system.cache.of(refused);
      // The services share a user of the cluster, so it refuses the readers too.
      const name = system.cache.cluster === undefined ? 'invalidation-worker' : 'default';
      const user = (await server.call('ACL', 'GETUSER', name)) as string[];
      const allowed = String(user[user.indexOf('keys') + 1]).split(' ');
      const setKeys = (keys: readonly string[]) => server.call('ACL', 'SETUSER', name, 'resetkeys', ...keys);
      await setKeys(
        allowed.includes(everyKey) ? otherKeys : allowed.filter((pattern) => !pattern.includes('settings')),
      );
      await system.sql.query("update catalog.settings set store_name = 'refused ' || gen_random_uuid()");
      await pause(5_000);
      const warning = (await workerReport(stage)).warnings?.['set aside'];
      const rate = await hitRate(stage);
      const oldest_ms = await oldestUnapplied_ms(system);
      observe(`"${warning}"; ${(rate * 100).toFixed(0)} % of reads were hits`);
      expect(warning?.includes(refused) === true, 'the worker names the key');
      expect(rate > 0.5, 'other keys are served from the caches');
      expect(oldest_ms <= timings.bound_ms, 'no other change waits');
      await setKeys(allowed);
      await eventually(async () => (await workerReport(stage)).warnings?.['set aside'] === undefined, {
        timeout_ms: 15_000,
      });
    },
  },
  {
    id: '62',
    fault: 'the state Redis refuses writes',
    injected: 'it follows another server for some seconds, so that it answers READONLY',
    async inject(stage) {
      const { system, patience, observe, expect } = stage;
      await system.state.replicaof('127.0.0.1', '1');
      let queue: string | undefined;
      try {
        await eventually(async () => {
          queue = (await workerReport(stage)).checks['queue'];
          return queue !== 'ok';
        });
        await pause(Math.max(3_000, 10_000 * patience));
      } finally {
        await system.state.replicaof('NO', 'ONE');
      }
      observe(`the worker says of its queue: ${queue}`);
      expect(queue === 'fails: state_redis_is_a_replica', 'the worker names the cause');
    },
  },
];
