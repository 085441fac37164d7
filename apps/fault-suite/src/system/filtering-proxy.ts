/** A TCP proxy on 127.0.0.1 with filters for each connection. Bytes that a filter does not pass on are lost silently. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface FilteringProxy extends AsyncDisposable {
  readonly port: number;
}

interface Filters {
  readonly fromClient: (chunk: Buffer) => void;
  readonly fromServer: (chunk: Buffer) => void;
}

/** @param filter makes the filters of a new connection; it gets the functions that pass bytes on */
export async function filteringProxy(
  to: number,
  filter: (toServer: (chunk: Buffer) => void, toClient: (chunk: Buffer) => void) => Filters,
): Promise<FilteringProxy> {
  const pairs = new Set<readonly Socket[]>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: to, host: '127.0.0.1', noDelay: true });
    const pair = [client, upstream];
    pairs.add(pair);
    const over = (): void => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) socket.on('close', over).on('error', over);
    const { fromClient, fromServer } = filter(
      (chunk) => void upstream.write(chunk),
      (chunk) => void client.write(chunk),
    );
    client.on('data', fromClient);
    upstream.on('data', fromServer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await closed;
    },
  };
}
