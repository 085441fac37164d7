/** The checked load: clients that read, write and delete, and record what they saw. */
import { pause } from '@catalog/runtime';
import type { Operation } from '../history/operation.ts';
import type { System } from '../system/system.ts';
import type { Keys, Scene } from './client.ts';
import { residentReader, roamingReader } from './readers.ts';
import { apiWriter, sqlWriter } from './writers.ts';

const clients: readonly (readonly [count: number, client: (scene: Scene, index: number) => Promise<void>])[] =
  [
    [8, residentReader],
    [4, roamingReader],
    [2, apiWriter],
    [1, sqlWriter],
  ];
const hotKeys = 3;

export interface Load {
  readonly history: Operation[];
  /** Resolves when every client has ended its last call. */
  stop(): Promise<void>;
}

export function startLoad(system: System, keys: Keys, random: () => number): Load {
  const history: Operation[] = [];
  const over = new AbortController();
  const scene: Scene = {
    system,
    keys,
    random,
    record: (operation) => void history.push(operation),
    pick(list) {
      const among = random() < 0.5 ? Math.min(hotKeys, list.length) : list.length;
      const item = list[Math.floor(random() * among)];
      if (item === undefined) throw new Error('The list to pick from is empty.');
      return item;
    },
    async repeat(pause_ms, work) {
      while (!over.signal.aborted) {
        await work();
        await pause(pause_ms * 2 * random());
      }
    },
  };
  const working = clients.flatMap(([count, client]) =>
    Array.from({ length: count }, (_, index) => client(scene, index)),
  );
  return {
    history,
    async stop() {
      over.abort();
      await Promise.all(working);
    },
  };
}
