/** Postgres goes back to an earlier state, or is mistaken for its standby. */
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import type { Client } from 'pg';
import type { Operation } from '../history/operation.ts';
import { follow_ms, type SetBack } from '../history/set-back.ts';
import { read } from '../load/read.ts';
import { auditorRow } from './auditor-row.ts';
import { metric } from '../system/metrics.ts';
import type { PostgresPair } from '../system/postgres-pair.ts';
import type { System } from '../system/system.ts';
import type { Row, Stage } from './row.ts';

/** Long enough for tens of commits, and for every reader to serve some of them. */
const losing_ms = 1_500;
/** Until all readers serve from warm caches again. */
const calm_ms = 3_000;
/** While no server accepts sessions, keys that no cache holds cannot be read. */
const readsThatSucceed = 0.9;

export const failoverRows: readonly Row[] = [
  {
    id: '43',
    fault: 'Postgres fails over to a standby that lacks the last commits, and back again',
    injected:
      'two failovers to streaming standbys, each with 1.5 s of commits lost; the old primary is killed before',
    replicated: true,
    readsThatSucceed,
    async inject(stage) {
      const pair = pairOf(stage.system);
      let port: number | undefined;
      for (const which of ['there', 'back']) {
        const standby = await pair.addStandby(port);
        port = pair.primary.port;
        await goBack(stage, 'other', which, (look) => pair.failOver(standby, losing_ms, look));
        await pause(calm_ms);
      }
    },
  },
  {
    id: '43b',
    fault: 'a standby that lacks nothing is promoted',
    injected: 'all sessions are cut, the standby catches up and is promoted, the old primary is killed',
    replicated: true,
    readsThatSucceed,
    async inject(stage) {
      const pair = pairOf(stage.system);
      const standby = await pair.addStandby();
      await goBack(stage, 'other', 'without a loss', (look) => pair.failOver(standby, 0, look));
    },
  },
  auditorRow,
  {
    id: '45',
    fault: 'Postgres is restored from a disk snapshot on the same timeline',
    injected: 'the data directory is copied, and put back after 3 s of commits',
    replicated: true,
    readsThatSucceed,
    async inject(stage) {
      await using snapshot = await pairOf(stage.system).takeSnapshot();
      await pause(2 * losing_ms);
      await goBack(stage, 'same', 'after the restore', (look) => snapshot.restore(look));
    },
  },
  {
    id: '46',
    fault: 'the sessions of a reader reach a lagging standby',
    injected: 'for 6 s the address of the second reader leads to a standby that receives nothing',
    replicated: true,
    readsThatSucceed: 0.98,
    async inject({ system, observe, expect, load }) {
      const pair = pairOf(system);
      const standby = await pair.addStandby();
      await standby.catchUp();
      await standby.pauseReplication();
      const from_ms = performance.now();
      leadSecondReaderTo(system, standby.port);
      await pause(6_000);
      leadSecondReaderTo(system, pair.address.port);
      const marked = load.history.filter(({ start_ms, stale }) => start_ms > from_ms && stale === true);
      observe(`${marked.length} answers were marked stale`);
      expect(standby.log().includes('this server is a standby'), 'the standby refused the sessions');
      await standby.stop();
    },
  },
  {
    id: '46b',
    fault: 'the old primary comes back as a standby while a reader still points at it',
    injected:
      'a failover with 1.5 s of commits lost; the second reader points at the old address for 8 s more',
    replicated: true,
    readsThatSucceed: 0.8,
    async inject(stage) {
      const { system } = stage;
      const pair = pairOf(system);
      const { port } = pair.primary;
      leadSecondReaderTo(system, port);
      await pause(500);
      const standby = await pair.addStandby();
      await goBack(stage, 'other', 'with the second reader', async (look) => {
        await pair.failOver(standby, losing_ms, look);
        const moved_ms = performance.now();
        const comesBack = await pair.addStandby(port);
        // The base backup may have taken longer than that.
        await pause(Math.max(0, 6_000 - (performance.now() - moved_ms)));
        const isRefused = () => comesBack.log().includes('this server is a standby');
        await eventually(isRefused, { timeout_ms: follow_ms }).catch(() =>
          stage.expect(false, 'the old primary refused the sessions'),
        );
        leadSecondReaderTo(system, pair.address.port);
        await comesBack.stop();
      });
    },
  },
];

function pairOf({ pair }: System): PostgresPair {
  if (pair === undefined) throw new Error('The row needs a replicated system.');
  return pair;
}

function leadSecondReaderTo({ proxies }: System, port: number): void {
  proxies.postgres.retarget(port);
  proxies.postgres.cut();
}

/**
 * Lets Postgres go back, and tells the checker what was lost. Every reader must then follow in time, with versions beyond
 * those that were lost, and the worker must count it as what it is.
 */
async function goBack(
  stage: Stage,
  timeline: 'same' | 'other',
  which: string,
  inject: (look: (sql: Client) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { system, keys } = stage;
  const worker = system.stack.url('invalidation-worker');
  const counted = () => metric(worker, 'postgres_incarnations_total', `timeline="${timeline}"`);
  const before = await counted();
  const lastBefore = await numberIn(system, 'select last_value as it from catalog.versions');
  let survived = new Map<string, number>();
  let moved_ms = 0;
  const all = [...keys.lasting, ...keys.mortal];
  await inject(async (sql) => {
    survived = await versionsIn(sql, all);
    moved_ms = performance.now();
  });
  // The first session of a service, or the worker, begins the incarnation.
  const afterVersion = await eventually(
    async () => {
      const version = await numberIn(system, 'select after_version as it from catalog.database_incarnation');
      return version > lastBefore && version;
    },
    { timeout_ms: follow_ms },
  );
  await system.renewSessions();
  // Commits between a restore and the moment at which the worker notices it have versions below. Postgres holds them.
  for (const [key, version] of await versionsIn(system.sql, all)) {
    if (version <= afterVersion) survived.set(key, version);
  }
  const setBack: SetBack = { at_ms: moved_ms, survived, firstVersion: afterVersion + 1 };
  stage.noteSetBack(setBack);
  await eventually(() => everyReaderFollows(stage, setBack), {
    timeout_ms: follow_ms,
    interval_ms: 50,
  }).catch((error: unknown) =>
    stage.expect(false, `${which}: the readers do not follow Postgres (${String(error)})`),
  );
  stage.observe(
    `${which}: every key is read as Postgres has it ${seconds(performance.now() - moved_ms)} later`,
  );
  await eventually(async () => (await counted()) > before, { timeout_ms: follow_ms }).catch(() =>
    stage.expect(
      false,
      `${which}: the worker counts an incarnation on ${timeline === 'same' ? 'the same' : 'another'} timeline`,
    ),
  );
}

/** Every reader answers every key, with nothing that was lost. */
async function everyReaderFollows({ system, keys }: Stage, setBack: SetBack): Promise<boolean> {
  const isRight = (answer: Operation) =>
    answer.outcome === 'ok' &&
    answer.stale !== true &&
    ((answer.version ?? 0) <= (setBack.survived.get(answer.key) ?? 0) ||
      (answer.version ?? 0) >= setBack.firstVersion);
  for (const { name, url } of system.readers) {
    const all = [...keys.lasting, ...keys.mortal];
    // Several at a time: one after the other, two hundred cold keys take longer than the readers need to follow.
    for (let start = 0; start < all.length; start += 20) {
      const answers = await Promise.all(
        all
          .slice(start, start + 20)
          .map((key) => read(undefined, { client: 'afterwards', process: name, url, key })),
      );
      if (!answers.every(isRight)) return false;
    }
  }
  return true;
}

async function versionsIn(sql: Pick<Client, 'query'>, keys: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql.query<{ key: string; version: string | number }>(
    `select id::text as key, version from catalog.products where id::text = any ($1)
     union all select key, version from catalog.tombstones where entity = 'product' and key = any ($1)`,
    [keys],
  );
  return new Map(rows.map(({ key, version }) => [key, Number(version)]));
}

async function numberIn({ sql }: System, text: string): Promise<number> {
  const { rows } = await sql.query<{ it: number }>(text);
  return rows[0]?.it ?? 0;
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
