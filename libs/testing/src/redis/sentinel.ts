import { spawn } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer, type Server } from '../processes/server.ts';
import { redisProgram, startRedis, type RedisServer } from './server.ts';

export interface SentinelGroup extends AsyncDisposable {
  /** Names the sentinels, not the servers: `redis+sentinel://…/main`. */
  readonly url: string;
  /** The first is the primary at the start, the second its replica. */
  readonly servers: readonly [RedisServer, RedisServer];
  readonly sentinels: readonly Server[];
}

const name = 'main';

/** A primary, a replica of it, and three Redis Sentinels. Two of them must agree before they promote the replica. */
export async function startSentinelGroup(): Promise<SentinelGroup> {
  const primary = await startRedis();
  // A diskless copy waits 5 s for more replicas unless told otherwise.
  const replica = await startRedis({
    config: { replicaof: `127.0.0.1 ${primary.port}`, 'repl-diskless-sync-delay': '0' },
  });
  const sentinels: Server[] = [];
  for (let index = 0; index < 3; index += 1) sentinels.push(await startSentinel(primary.port));
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  return {
    url: `redis+sentinel://${hosts}/${name}`,
    servers: [primary, replica],
    sentinels,
    async [Symbol.asyncDispose]() {
      for (const server of [...sentinels, replica, primary]) await server.stop();
    },
  };
}

async function startSentinel(primaryPort: number): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'catalog-test-sentinel-'));
  // A sentinel writes what it learns into its configuration file.
  const file = join(directory, 'sentinel.conf');
  const settings = [
    `sentinel monitor ${name} 127.0.0.1 ${primaryPort} 2`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 3000`,
  ];
  await writeFile(file, `${settings.join('\n')}\n`);
  return startServer({
    name: `${redisProgram} --sentinel`,
    directory,
    start: (port) =>
      spawn(redisProgram, [file, '--sentinel', '--bind', '127.0.0.1', '--port', String(port)], {
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      }),
    readyLine: /\+monitor master/,
    stopSignal: 'SIGTERM',
    stopPatience_ms: 2_000,
    restartSignal: 'SIGKILL',
    url: (port) => `redis://127.0.0.1:${port}`,
  });
}
