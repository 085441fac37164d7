/** Clients that read. */
import { Agent } from 'node:http';
import type { Scene } from './client.ts';
import { anyOf } from './random.ts';
import { read } from './read.ts';

const pause_ms = 4;

/** Reads from one process only, as over one connection. One read in ten demands at least the version that it saw before. */
export async function residentReader(scene: Scene, index: number): Promise<void> {
  const { system, keys, random } = scene;
  await readAgain(scene, `client ${index}`, () => {
    // An upgrade may have replaced the process.
    const { name, url } = system.readers[index % system.readers.length] ?? { name: '', url: '' };
    const key = scene.pick([...keys.lasting, ...keys.shortLived]);
    return { process: name, url, demands: random() < 0.1, key };
  });
}

/** Reads from any process, as behind a load balancer. It always demands at least the version that it saw before. */
export async function roamingReader(scene: Scene, index: number): Promise<void> {
  const { system, keys, random } = scene;
  await readAgain(
    scene,
    `roaming ${index}`,
    () => {
      const { name, url } = anyOf(system.readers, random);
      return { process: name, url, demands: true, key: scene.pick([...keys.lasting, ...keys.shortLived]) };
    },
    // The control does not support Min-Version.
    system.plain ? {} : { alwaysSendsMinVersion: true },
  );
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
  about: { readonly alwaysSendsMinVersion?: true } = {},
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const seen = new Map<string, number>();
  await scene.repeat(pause_ms, async () => {
    const { process, url, demands, key } = next();
    const known = seen.get(key);
    const demanded = demands && !scene.system.plain ? known : undefined;
    const operation = await read(agent, { client, process, url, key }, demanded);
    if (operation.outcome === 'ok') seen.set(key, Math.max(known ?? 0, operation.version ?? 0));
    scene.record({ ...operation, ...about });
  });
  agent.destroy();
}
