/** Runs one row: load, fault, recovery, and the judgement of the whole history. */
import { randomUUID } from 'node:crypto';
import { timings } from '@catalog/contracts';
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { check, type Violation } from './history/checker.ts';
import type { Operation } from './history/operation.ts';
import type { SetBack } from './history/set-back.ts';
import type { Keys } from './load/client.ts';
import { startLoad } from './load/load.ts';
import { isHit, read } from './load/read.ts';
import { insertProducts } from './load/writers.ts';
import type { Row, Stage } from './rows/row.ts';
import { countDemoProducts } from './system/demo-products.ts';
import { wrongEntries } from './system/entries.ts';
import type { System } from './system/system.ts';

export interface RowResult {
  readonly row: Row;
  readonly observed: readonly string[];
  /** Violated invariants and expectations; empty if the row passes. */
  readonly violations: readonly {
    readonly invariant: string;
    readonly text: string;
    readonly operations: readonly Operation[];
  }[];
  readonly history: readonly Operation[];
  /** Begin and end of the fault, by the clock of the history. */
  readonly fault: { readonly from_ms: number; readonly to_ms: number };
}

/** The system must be consistent again this long after the fault has ended. */
const recovery_ms = 5_000;
/** Several heartbeats. A cache counts as fresh from its first heartbeat. */
const warmUp_ms = 3_000;

async function createKeys(system: System): Promise<Keys> {
  const keys = {
    lasting: Array.from({ length: 200 }, () => randomUUID()),
    shortLived: Array.from({ length: 10 }, () => randomUUID()),
  };
  // One statement inserts all: on a busy machine, one session for each would take longer than a connection attempt may.
  await system.sql.query(insertProducts, [[...keys.lasting, ...keys.shortLived]]);
  return keys;
}

export async function runRow(
  row: Row,
  surroundings: Pick<Stage, 'system' | 'random' | 'patience' | 'soak'>,
): Promise<RowResult> {
  const { system, random } = surroundings;
  const demoProducts = await countDemoProducts(system.sql);
  // New keys for each row, so that an earlier row cannot cause a violation in this one.
  const keys = await createKeys(system);
  // The keys are in use before the fault begins.
  await Promise.all(
    system.readers.map(async ({ name, url }) => {
      for (const key of [...keys.lasting, ...keys.shortLived])
        await read(undefined, { client: 'warm', process: name, url, key });
    }),
  );
  const load = startLoad(system, keys, random);
  const observed: string[] = [];
  const setBacks: SetBack[] = [];
  const unmet: RowResult['violations'][number][] = [];
  await pause(1_000);
  if (row.withoutLoad) await load.stop();
  const from_ms = performance.now();
  try {
    await row.inject({
      ...surroundings,
      keys,
      load,
      noteSetBack: (setBack) => setBacks.push(setBack),
      observe: (text) => observed.push(text),
      expect: (holds, text) => {
        if (!holds) unmet.push({ invariant: 'row', text, operations: [] });
      },
    });
  } catch (error) {
    unmet.push({ invariant: 'row', text: `the row failed: ${String(error)}`, operations: [] });
    system.proxies.cache.passThrough();
    system.proxies.postgres.passThrough();
  }
  const to_ms = performance.now();
  await pause(2_500);
  await load.stop();
  await pause(Math.max(0, recovery_ms - (performance.now() - to_ms)));
  const violations: RowResult['violations'][number][] = [...unmet, ...(await checkEnd(system, keys))];
  violations.push(...(await judge(system, keys, load.history, row, setBacks)));
  const lost = demoProducts - (await countDemoProducts(system.sql));
  if (lost > 0) {
    const text = `this row lost ${lost} demo products, which later rows need`;
    violations.push({ invariant: 'row', text, operations: [] });
  }
  return { row, observed, violations, history: load.history, fault: { from_ms, to_ms } };
}

async function judge(
  system: System,
  keys: Keys,
  history: readonly Operation[],
  row: Row,
  setBacks: readonly SetBack[],
): Promise<Violation[]> {
  const final = await versions(system, keys);
  return check(history, {
    bound_ms: timings.bound_ms,
    final,
    readsThatSucceed: row.readsThatSucceed ?? 0.999,
    setBacks,
  });
}

async function versions(system: System, keys: Keys): Promise<Map<string, number>> {
  const all = [...keys.lasting, ...keys.shortLived];
  const { rows } = await system.sql.query<{ key: string; version: number }>(
    `select id::text as key, version from catalog.products where id = any ($1)
     union all select key, version from catalog.tombstones where entity = 'product' and key = any ($1::text[])`,
    [all],
  );
  return new Map(rows.map(({ key, version }) => [key, version]));
}

/** Finds caches that do not serve again. Each reader was just asked for each key, so its caches should hold all of them. */
async function coldCaches(
  system: System,
  all: readonly string[],
): Promise<RowResult['violations'][number][]> {
  const findings = await Promise.all(
    system.readers.map(async ({ name, url }) => {
      let missed: Operation[] = [];
      const hasAll = async (): Promise<boolean> => {
        const keys = missed.length > 0 ? missed.map(({ key }) => key) : all;
        missed = [];
        for (const key of keys) {
          const answer = await read(undefined, { client: 'afterwards', process: name, url, key });
          if (!isHit(answer)) missed.push(answer);
        }
        return missed.length === 0;
      };
      // A heartbeat may be late on a busy machine.
      await eventually(hasAll, { timeout_ms: warmUp_ms, interval_ms: 100 }).catch(() => undefined);
      return { name, missed };
    }),
  );
  return findings
    .filter(({ missed }) => missed.length > 0)
    .map(({ name, missed }) => ({
      invariant: 'caches',
      text: `${name} answers ${missed.length} of ${all.length} keys without a cache ${warmUp_ms / 1000} s after it read them`,
      operations: missed.slice(0, 3),
    }));
}

/** Nothing restarts the processes of the suite, so this check notices a fault that ends one. */
async function endedServices({ readers, workers, writers }: System): Promise<string[]> {
  const isAlive = async (url: string): Promise<boolean> => {
    const response = await fetch(`${url}/livez`).catch(() => undefined);
    await response?.body?.cancel();
    return response?.ok === true;
  };
  const services = [...readers, ...workers, ...writers];
  const alive = await Promise.all(services.map(({ url }) => isAlive(url)));
  return services.filter((_, index) => alive[index] === false).map(({ name }) => name);
}

/** Checks I1, I7, the caches and the processes, after the load has stopped. */
async function checkEnd(system: System, keys: Keys): Promise<RowResult['violations'][number][]> {
  const found: RowResult['violations'][number][] = [];
  const final = await versions(system, keys);
  const compare = async ({ name, url }: System['readers'][number]): Promise<void> => {
    for (const [key, version] of final) {
      const answer = await read(undefined, { client: 'afterwards', process: name, url, key });
      if (answer.outcome !== 'ok' || answer.version !== version) {
        found.push({
          invariant: 'I1',
          text: `${name} answers ${key} with ${answer.version ?? answer.said}, Postgres has ${version}`,
          operations: [answer],
        });
      }
    }
  };
  await Promise.all(system.readers.map(compare));
  if (!system.plain) found.push(...(await coldCaches(system, [...final.keys()])));
  for (const text of await wrongEntries(system)) found.push({ invariant: 'I1', text, operations: [] });
  for (const name of await endedServices(system))
    found.push({ invariant: 'services', text: `${name} has ended`, operations: [] });
  if (!system.plain) {
    const { rows } = await system.sql.query<{ waiting: number }>(
      'select count(*) as waiting from catalog.outbox where applied_at is null',
    );
    const waiting = rows[0]?.waiting ?? 0;
    if (waiting > 0)
      found.push({ invariant: 'I7', text: `${waiting} changes are not applied`, operations: [] });
  }
  return found;
}
