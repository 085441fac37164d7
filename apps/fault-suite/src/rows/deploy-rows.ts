/** Faults of a deploy: processes that end, and two releases at the same time. */
import { Agent } from 'node:http';
import { pause } from '@catalog/runtime';
import { startReader } from '@catalog/testing';
import { read } from '../load/read.ts';
import { anyOf } from '../load/random.ts';
import { readBeside, type OwnReader } from './own-readers.ts';
import type { Row, Stage } from './row.ts';

const rate_per_s = 1_000;

/** A load balancer like that of Kubernetes. It polls /readyz, and retries a refused connection at the other process. */
function startBalancedLoad({ keys, random, load }: Stage, readers: readonly OwnReader[]) {
  const agent = new Agent({ keepAlive: true });
  const ready = new Set(readers);
  const under = new Set<Promise<void>>();
  let [sent, refused, failed] = [0, 0, 0];
  const one = async (): Promise<void> => {
    const key = anyOf([...keys.lasting, ...keys.shortLived], random);
    const from = (reader: OwnReader) =>
      read(agent, { client: 'balanced', process: reader.name, url: reader.url, key });
    const first = anyOf(ready.size > 0 ? [...ready] : readers, random);
    let answer = await from(first);
    if (answer.said?.includes('ECONNREFUSED')) {
      refused += 1;
      answer = await from(readers.find((reader) => reader !== first) ?? first);
    }
    if (answer.outcome !== 'ok') failed += 1;
    load.history.push(answer);
  };
  const began_ms = performance.now();
  const sending = setInterval(() => {
    const due = ((performance.now() - began_ms) / 1000) * rate_per_s;
    for (; sent < due; sent++) {
      const work = one().finally(() => under.delete(work));
      under.add(work);
    }
  }, 5);
  const probing = setInterval(() => {
    for (const reader of readers) {
      fetch(`${reader.url}/readyz`, { signal: AbortSignal.timeout(1_000) }).then(
        async (response) => {
          await response.body?.cancel();
          if (response.ok) ready.add(reader);
          else ready.delete(reader);
        },
        () => ready.delete(reader),
      );
    }
  }, 100);
  return {
    async stop() {
      clearInterval(sending);
      clearInterval(probing);
      await Promise.all(under);
      agent.destroy();
      return { sent, refused, failed, perSecond: sent / ((performance.now() - began_ms) / 1000) };
    },
  };
}

export const deployRows: readonly Row[] = [
  {
    id: '39',
    fault: 'a deploy under load',
    injected:
      'SIGTERM of one of two readers at 1,000 reads a second, behind a balancer that polls /readyz and retries refused connections',
    withoutLoad: true,
    async inject(stage) {
      await using first = await startReader(stage.system.stack);
      await using second = await startReader(stage.system.stack);
      const load = startBalancedLoad(stage, [
        { name: 'ending reader', url: first.url },
        { name: 'staying reader', url: second.url },
      ]);
      await pause(1_500);
      const began_ms = performance.now();
      await first[Symbol.asyncDispose]();
      const ended_ms = performance.now() - began_ms;
      await pause(1_500);
      const { sent, refused, failed, perSecond } = await load.stop();
      stage.observe(
        `${failed} of ${sent} reads failed at ${perSecond.toFixed(0)} a second, ${refused} were retried; ` +
          `the process ended after ${ended_ms.toFixed(0)} ms`,
      );
      stage.expect(failed === 0, 'no read failed');
      stage.expect(perSecond > rate_per_s * 0.9, 'the load reached 90 % of its rate');
    },
  },
  {
    id: '40',
    fault: 'two payload schemas at the same time',
    injected: 'a third reader of the next release: new payload and schema number, same keys, same Redis',
    async inject(stage) {
      const { system, patience, observe, expect } = stage;
      const importing = `--import=${import.meta.resolve('../system/next-release.fixture.ts')}`;
      await using next = await startReader(system.stack, { env: { NODE_OPTIONS: importing } });
      const readers = [
        ...system.readers.map((reader) => ({ ...reader, own: 'name', foreign: 'label' })),
        { name: 'reader of the next release', url: next.url, own: 'label', foreign: 'name' },
      ];
      const seen = { name: 0, label: 0, misread: 0, stored: 0 };
      await readBeside(
        stage,
        readers,
        () => pause(Math.max(4_000, 20_000 * patience)),
        ({ own, foreign }, { present, said }, body) => {
          if (present !== true) return;
          const product = JSON.parse(body) as object;
          if (foreign in product || !(own in product)) seen.misread += 1;
          else seen[own as 'name' | 'label'] += 1;
          if (own === 'label' && said?.includes('stored')) seen.stored += 1;
        },
      );
      observe(
        `${seen.name} old and ${seen.label} new payloads, ${seen.stored} of the new ones stored in Redis, ${seen.misread} misread`,
      );
      expect(seen.misread === 0, 'no release misreads a payload of the other');
      expect(seen.name > 0 && seen.stored > 0, 'both releases store in the same Redis');
    },
  },
];
