import { randomUUID } from 'node:crypto';
import { eventually } from '@catalog/testing';
import { follow_ms } from '../history/set-back.ts';
import { read } from '../load/read.ts';
import { insertProducts } from '../load/writers.ts';
import type { System } from '../system/system.ts';
import type { Row } from './row.ts';

export const auditorRow: Row = {
  id: '44',
  onCluster: 'same',
  fault: 'the auditor repairs an entry that is newer than Postgres, and that a reader has served',
  injected: 'the version in a Redis entry is raised to one that the row never had',
  async inject({ system, expect, observe }) {
    const key = randomUUID();
    const { rows } = await system.sql.query<{ version: number }>(insertProducts, [[key]]);
    const truth = rows[0]?.version ?? 0;
    const [first, second] = system.readers;
    if (first === undefined || second === undefined) throw new Error('The row needs two readers.');
    const ask = ({ name, url }: typeof first) =>
      read(undefined, { client: 'auditor row', process: name, url, key });
    // Another key draws the version, so that Postgres has reached it: only this entry is wrong.
    await system.sql.query(insertProducts, [[randomUUID()]]);
    const cacheKey = `product:${key}`;
    const server = await system.cache.of(cacheKey);
    await eventually(async () => (await server.get(cacheKey)) !== null || (await ask(first)).version === 0);
    const entry = await server.get(cacheKey);
    if (entry === null) throw new Error('The first reader has not filled the key.');
    const forged = entry
      .replace(`|${truth}|`, `|${truth + 1}|`)
      .replace(`"version":${truth}`, `"version":${truth + 1}`);
    await server.set(cacheKey, forged, 'KEEPTTL');
    const served = await ask(second);
    expect(
      served.version === truth + 1,
      `${second.name} has served the forged version (${served.said ?? ''})`,
    );
    await audit(system);
    const began_ms = performance.now();
    const isRepaired = async () => {
      const answers = [await ask(first), await ask(second)];
      return answers.every(({ outcome, version }) => outcome === 'ok' && version === truth);
    };
    await eventually(isRepaired, { timeout_ms: follow_ms }).catch(async () => {
      expect(false, `after the repair ${second.name} answers ${(await ask(second)).said ?? 'nothing'}`);
    });
    observe(
      `every reader answers as Postgres ${Math.round(performance.now() - began_ms)} ms after the audit`,
    );
  },
};

/** Earlier rows may have added many keys, and the audit waits for the watermark in each batch with a change in progress. */
const auditTime_ms = 60_000;

async function audit({ stack }: System): Promise<void> {
  const token = await stack.token('invalidation-worker', 'catalog:operate');
  const { status } = await fetch(`${stack.url('invalidation-worker')}/v1/audits`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(auditTime_ms),
  });
  if (status !== 200) throw new Error(`the audit was answered with ${status}`);
}
