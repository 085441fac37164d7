/** The servers of the cache as rows see them: the cache Redis of the stack, or the nodes of a cluster. */
import { join } from 'node:path';
import type { LocalStack, RedisCluster, StackProcess } from '@catalog/testing';
import type { Redis } from 'ioredis';
import { type Door, type Doors, oneDoor } from './doors.ts';

export interface CacheServers {
  /** Undefined where the cache is one server. */
  readonly cluster: RedisCluster | undefined;
  /** Where each server keeps its dump. */
  readonly folders: readonly string[];
  /** The operator's connections to the servers that have keys now: the single server, or each master. */
  masters(): Promise<readonly Redis[]>;
  /** The connection to the server that has the key. */
  of(cacheKey: string): Promise<Redis>;
  /**
   * Puts a proxy in front of each server.
   *
   * @param user of the cache Redis of the stack: a service or the operator. A cluster knows no users
   * @param open makes a proxy to a port
   */
  behind<Proxy extends Door>(user: string, open: (to: number) => Promise<Proxy>): Promise<Doors<Proxy>>;
  /** Pauses all servers with SIGSTOP for this time. */
  hang(time_ms: number): Promise<void>;
  /** Kills a server that has keys. It starts again at once. Resolves when it is usable. */
  crash(): Promise<void>;
}

/** What a row may do with processes of the stack. */
interface Control {
  hang(process: StackProcess, time_ms: number): Promise<void>;
  killAndAwait(process: StackProcess): Promise<void>;
}

/** @param operator a connection that reconnects by itself */
export function oneServer(stack: LocalStack, operator: Redis, control: Control): CacheServers {
  return {
    cluster: undefined,
    folders: [join(stack.folder, 'cache-redis')],
    masters: async () => [operator],
    of: async () => operator,
    behind: async (user, open) =>
      oneDoor(await stack.redisUrl('cache', user), await open(stack.port('cache-redis'))),
    hang: (time_ms) => control.hang('cache-redis', time_ms),
    crash: () => control.killAndAwait('cache-redis'),
  };
}
