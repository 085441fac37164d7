/** Proxies between a service and the servers of the cache. */
import type { RedisServer } from '@catalog/testing';
import { filteringProxy, type FilteringProxy } from '../filtering-proxy.ts';
import { withPort } from '../with-port.ts';

/** A proxy that leads to one server. */
export interface Door extends AsyncDisposable {
  readonly port: number;
}

export interface Doors<Proxy extends Door> extends AsyncDisposable {
  /** Leads to the cache through the proxies. */
  readonly url: string;
  /** One for each server. */
  readonly proxies: readonly Proxy[];
}

export function oneDoor<Proxy extends Door>(url: string, proxy: Proxy): Doors<Proxy> {
  return {
    url: withPort(url, proxy.port),
    proxies: [proxy],
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

/**
 * A client of a cluster asks a node for the addresses of all nodes. So a second proxy behind each proxy replaces the ports in this
 * answer with the ports of the proxies. The client then never connects to a node directly.
 */
export async function doorsOfCluster<Proxy extends Door>(
  nodes: readonly RedisServer[],
  open: (to: number) => Promise<Proxy>,
): Promise<Doors<Proxy>> {
  await using resources = new AsyncDisposableStack();
  const doorOf = new Map<number, number>();
  const proxies: Proxy[] = [];
  for (const { port } of nodes) {
    const renaming = resources.use(await renamingProxy(port, doorOf));
    const proxy = resources.use(await open(renaming.port));
    doorOf.set(port, proxy.port);
    proxies.push(proxy);
  }
  const owned = resources.move();
  return {
    url: `redis+cluster://${proxies.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    proxies,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The port in an answer to CLUSTER NODES, such as `127.0.0.1:6379@16379`. */
const address = /(?<=127\.0\.0\.1:)\d+(?=@\d)/g;

function renamingProxy(to: number, doorOf: ReadonlyMap<number, number>): Promise<FilteringProxy> {
  const door = (port: string): string => {
    const renamed = String(doorOf.get(Number(port)) ?? port);
    // The answer begins with its length, so a port must not change its number of digits.
    if (renamed.length !== port.length) throw new Error(`port ${port} cannot be renamed to ${renamed}`);
    return renamed;
  };
  return filteringProxy(to, (toServer, toClient) => ({
    fromClient: toServer,
    fromServer: (chunk) =>
      toClient(
        chunk.includes('myself,')
          ? Buffer.from(chunk.toString('latin1').replaceAll(address, door), 'latin1')
          : chunk,
      ),
  }));
}
