/** Lets Postgres go back, and checks that everybody follows. */
import { eventually } from '@catalog/testing';
import type { Client } from 'pg';
import type { Operation } from '../history/operation.ts';
import { follow_ms, type SetBack } from '../history/set-back.ts';
import { read } from '../load/read.ts';
import { metric } from '../system/metrics.ts';
import type { PostgresPair } from '../system/postgres-pair.ts';
import type { System } from '../system/system.ts';
import type { Stage } from './row.ts';

/** More than what a row loses, and less than what a restart or a new incarnation skips: 2^20 for each second at least. */
const lostAtMost = 2 ** 19;

export function pairOf({ pair }: System): PostgresPair {
  if (pair === undefined) throw new Error('The row needs a replicated system.');
  return pair;
}

/**
 * Moves Postgres back and tells the checker which changes were lost. Every reader must follow in time. New versions must be
 * greater than the lost ones. The metrics of the workers must count that Postgres went back.
 */
export async function goBack(
  stage: Stage,
  timeline: 'same' | 'other',
  which: string,
  inject: (look: (sql: Client) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { system, keys } = stage;
  const counted = async () => {
    const name = 'postgres_incarnations_total';
    const counts = await Promise.all(
      system.workers.map(({ url }) => metric(url, name, `timeline="${timeline}"`)),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  };
  const before = await counted();
  const lastBefore = await numberIn(system, 'select last_value as it from catalog.versions');
  let survived = new Map<string, number>();
  let moved_ms = 0;
  const all = [...keys.lasting, ...keys.shortLived];
  await inject(async (sql) => {
    survived = await versionsIn(sql, all);
    moved_ms = performance.now();
  });
  // The first session of a service, or the worker, begins the incarnation.
  await eventually(
    async () => {
      const version = await numberIn(system, 'select after_version as it from catalog.database_incarnation');
      return version > lastBefore && version;
    },
    { timeout_ms: follow_ms },
  );
  await system.renewSessions();
  // No version that was lost is drawn again, not even before the worker has noticed anything.
  const setBack: SetBack = { at_ms: moved_ms, survived, firstVersion: lastBefore + lostAtMost };
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
      `${which}: a worker counts an incarnation on ${timeline === 'same' ? 'the same' : 'another'} timeline`,
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
    const all = [...keys.lasting, ...keys.shortLived];
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
