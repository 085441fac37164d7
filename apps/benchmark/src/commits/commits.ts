/** The cost of a commit, for different triggers. */
import pg from 'pg';
import { Outbox } from '@catalog/change-feed';
import { loadSql } from '@catalog/database';
import { median } from '../report/percentiles.ts';
import type { Section } from '../report/report.ts';
import { markdownTable, barChart, format } from '@catalog/testing';
import { drained, type BenchStack } from '../stack/bench-stack.ts';
import type { Sizes } from '../sizes.ts';
import { clients, updatesPerSecond } from './update-load.ts';

const rows = 8_000;
/** The lock of catalog.ring_doorbell. While a session holds it, the doorbell does not ring. */
const awakeLock = 7_236_001;
const setup = loadSql(import.meta.url, './shapes.sql');
const trackedSetup = loadSql(import.meta.url, './tracked.sql');

interface Shape {
  readonly label: string;
  readonly table: string;
  /** A real worker, a session that only holds the lock of its relay, or none. */
  readonly relay: 'worker' | 'lock held' | 'none';
  readonly listensTo?: string;
  /** Whether the plain chain runs: each NOTIFY becomes a job and a DEL in Redis. */
  readonly hasChain?: boolean;
}

const none: Shape = { label: 'no triggers', table: 'catalog.bare', relay: 'none' };
const notify: Shape = {
  label: 'NOTIFY in every transaction',
  table: 'catalog.notifying',
  relay: 'none',
  listensTo: 'notifying',
};
const notifyChain: Shape = {
  label: 'the same, with its whole chain running',
  table: 'catalog.notifying',
  relay: 'none',
  hasChain: true,
};
const idle: Shape = {
  label: 'ours, with the relay awake and idle',
  table: 'catalog.tracked',
  relay: 'lock held',
};
const history: Shape = {
  label: 'the same, with the product history',
  table: 'catalog.products',
  relay: 'lock held',
};
const feed: Shape = { label: 'ours, with the whole feed running', table: 'catalog.tracked', relay: 'worker' };
const feedAndHistory: Shape = {
  label: 'the same, with the product history and the whole feed',
  table: 'catalog.products',
  relay: 'worker',
};
const shapes: readonly Shape[] = [
  none,
  notify,
  notifyChain,
  { label: 'version trigger only', table: 'catalog.versioned', relay: 'none' },
  { label: 'outbox by a row trigger, no doorbell', table: 'catalog.row_outbox', relay: 'none' },
  {
    label: 'outbox by a statement trigger, no doorbell',
    table: 'catalog.statement_outbox',
    relay: 'none',
  },
  {
    label: 'the same, with a doorbell at the commit',
    table: 'catalog.deferred_outbox',
    relay: 'lock held',
  },
  idle,
  history,
  {
    label: 'ours without a relay: every commit rings',
    table: 'catalog.tracked',
    relay: 'none',
    listensTo: 'catalog_outbox',
  },
  feed,
  feedAndHistory,
];

/** How a commit reaches the disk. NOTIFY serialises commits including the flush, so its cost depends on the flush. */
const disks = {
  none: { label: 'without waiting for the disk', settings: 'set synchronous_commit = off' },
  own: { label: 'with the disk of this machine', settings: 'set synchronous_commit = on' },
  // Every flush waits for 1 ms before it begins, and includes the commits that arrive meanwhile.
  slow: {
    label: 'with a disk that flushes in 1 ms',
    settings: 'set synchronous_commit = on; set commit_siblings = 0; set commit_delay = 1000',
  },
} as const;
type Disk = keyof typeof disks;
const diskNames = Object.keys(disks) as Disk[];

export async function measureCommits(bench: BenchStack, sizes: Sizes): Promise<Section> {
  await prepare(bench);
  const rates = new Map<string, number[]>();
  const of = ({ label }: Shape, disk: Disk) => median(rates.get(`${label} ${disk}`) ?? []);
  let mostBehind_ms = 0;
  for (let round = 0; round < sizes.rounds; round++) {
    for (const shape of shapes) {
      for (const disk of diskNames) {
        const { rate, behind_ms } = await commitsPerSecond(bench, shape, disk, sizes.commits_s);
        mostBehind_ms = Math.max(mostBehind_ms, behind_ms);
        const name = `${shape.label} ${disk}`;
        rates.set(name, [...(rates.get(name) ?? []), rate]);
      }
    }
    bench.say(`round ${round + 1} of ${sizes.rounds}`);
  }
  const part = (shape: Shape, base: Shape, disk: Disk) => of(shape, disk) / of(base, disk);
  const goal = (disk: Disk, shape: Shape, base: Shape, text: string, atLeast: number) => ({
    text: `${disks[disk].label}: ${text.replace('…', part(shape, base, disk).toFixed(2))} (goal: at least ${atLeast})`,
    met: part(shape, base, disk) >= atLeast,
  });
  return {
    name: 'commits',
    title: `Commits per second, ${clients} clients updating single rows`,
    method:
      `Each client has its own connection and sends one prepared UPDATE of a random row (of ${rows}) after the other, each in its ` +
      `own transaction. Clients and server share the machine. Medians of ${sizes.rounds} rounds of ${sizes.commits_s} s in turn. ` +
      'All tables have the columns, checks, indexes and rows of products. ' +
      `At the end of a round the oldest change that was not applied was at most ${format(mostBehind_ms)} ms old.`,
    table: markdownTable(
      ['commits/s (times no triggers, times NOTIFY)', ...diskNames.map((disk) => disks[disk].label)],
      shapes.map((shape) => [
        shape.label,
        ...diskNames.map(
          (disk) =>
            `${format(of(shape, disk))} (${part(shape, none, disk).toFixed(2)}, ${part(shape, notify, disk).toFixed(2)})`,
        ),
      ]),
    ),
    goals: (['own', 'slow'] as const).flatMap((disk) => [
      goal(disk, feed, notify, 'the whole feed reaches … times NOTIFY in every transaction', 2.5),
      goal(disk, feed, notifyChain, 'the whole feed reaches … times NOTIFY with its whole chain', 2.5),
      goal(disk, idle, notify, 'an idle relay reaches … times NOTIFY in every transaction', 2.5),
      goal(disk, idle, none, 'the triggers alone reach … times no triggers', 0.75),
    ]),
    plots: {
      'commits.svg': barChart(
        `Commits per second, 16 clients, ${disks.own.label}`,
        'commits/s',
        shapes.map((shape) => ({ label: shape.label, value: of(shape, 'own') })),
      ),
    },
  };
}

async function prepare({ peers, catalog }: BenchStack): Promise<void> {
  await peers.query(setup);
  for (const pool of [peers, catalog]) await pool.query(trackedSetup);
  const filled = new Set(shapes.filter(({ relay }) => relay !== 'worker').map(({ table }) => table));
  for (const table of filled) {
    await peers.query('select catalog.fill($1, $2)', [table.replace('catalog.', ''), rows]);
  }
  await catalog.query("select catalog.fill('tracked', $1)", [rows]);
  await drained(catalog);
  await peers.query('delete from catalog.outbox');
  await peers.query('vacuum analyze');
}

/** @returns commits per second, and the age of the oldest unapplied change at the end */
async function commitsPerSecond(
  { stack, catalog, peers, peersUrl, startServer }: BenchStack,
  { table, relay, listensTo, hasChain = false }: Shape,
  disk: Disk,
  duration_s: number,
): Promise<{ rate: number; behind_ms: number }> {
  const pool = relay === 'worker' ? catalog : peers;
  const url = relay === 'worker' ? await stack.databaseUrl() : peersUrl;
  await using sessions = new AsyncDisposableStack();
  if (hasChain) {
    const env = {
      DATABASE_URL: peersUrl,
      CACHE_REDIS_URL: await stack.redisUrl('cache'),
      STATE_REDIS_URL: await stack.redisUrl('state'),
      CHANNEL: 'notifying',
    };
    sessions.use(await startServer('plain-chain', env));
  }
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  sessions.defer(() => holder.end());
  if (relay === 'lock held') await holder.query('select pg_advisory_lock($1)', [awakeLock]);
  if (listensTo !== undefined) await holder.query(`listen ${listensTo}`);
  const rate = await updatesPerSecond({ pool, url, table, rows, settings: disks[disk].settings, duration_s });
  if (relay !== 'worker') {
    await peers.query('truncate catalog.outbox');
    return { rate, behind_ms: 0 };
  }
  const { oldest_ms: behind_ms } = await new Outbox(catalog).backlog();
  await drained(catalog);
  return { rate, behind_ms };
}
