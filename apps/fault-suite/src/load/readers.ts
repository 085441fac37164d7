/** Clients that read. */
import { Agent } from 'node:http';
import type { Scene } from './client.ts';
import { read } from './read.ts';

const pause_ms = 4;

/** Stays with one process, as a connection does, and now and then demands to see again what it has seen. */
export async function residentReader(scene: Scene, index: number): Promise<void> {
  const { system, keys, random } = scene;
  const { name, url } = system.readers[index % system.readers.length] ?? { name: '', url: '' };
  await readAgain(scene, `client ${index}`, () => ({
    process: name,
    url,
    demands: random() < 0.1,
    key: scene.pick([...keys.lasting, ...keys.mortal]),
  }));
}

/** Is sent to any process, as by a load balancer, and always demands what it has seen. */
export async function roamingReader(scene: Scene, index: number): Promise<void> {
  const { system, keys, random } = scene;
  await readAgain(
    scene,
    `roaming ${index}`,
    () => {
      const { name, url } = anyOf(system.readers, random);
      return { process: name, url, demands: true, key: scene.pick([...keys.lasting, ...keys.mortal]) };
    },
    // The control knows no Min-Version.
    system.plain ? {} : { insists: true },
  );
}

export function anyOf<Item>(list: readonly Item[], random: () => number): Item {
  const item = list[Math.floor(random() * list.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

async function readAgain(
  scene: Scene,
  client: string,
  next: () => {
    readonly process: string;
    readonly url: string;
    readonly demands: boolean;
    readonly key: string;
  },
  about: { readonly insists?: true } = {},
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const seen = new Map<string, number>();
  await scene.repeat(pause_ms, async () => {
    const { process, url, demands, key } = next();
    const known = seen.get(key);
    const demanded = demands && !scene.system.plain ? known : undefined;
    const operation = await read(agent, { client, process, url, key }, demanded);
    if (operation.outcome === 'ok') seen.set(key, Math.max(known ?? 0, operation.version ?? 0));
    scene.note({ ...operation, ...about });
  });
  agent.destroy();
}
