/** Postgres goes back to an earlier state, or is mistaken for its standby. */
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { follow_ms } from '../history/set-back.ts';
import type { System } from '../system/system.ts';
import { auditorRow } from './auditor-row.ts';
import { goBack, pairOf } from './go-back.ts';
import { lateRow } from './late-row.ts';
import type { Row } from './row.ts';

/** Long enough for tens of commits, and for every reader to serve some of them. */
const losing_ms = 1_500;
const lose = () => pause(losing_ms);
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
        await goBack(stage, 'other', which, (look) => pair.failOver(standby, look, lose));
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
      await goBack(stage, 'other', 'without a loss', (look) => pair.failOver(standby, look));
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
        await pair.failOver(standby, look, lose);
        const moved_ms = performance.now();
        const comesBack = await pair.addStandby(port);
        // The base backup may already have taken longer than 6 s.
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
  lateRow,
];

function leadSecondReaderTo({ proxies }: System, port: number): void {
  proxies.postgres.retarget(port);
  proxies.postgres.cut();
}
