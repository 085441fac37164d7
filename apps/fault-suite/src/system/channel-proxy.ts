/** A TCP proxy in front of Redis that can cut off who subscribes, and nobody else, without a word. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface ChannelProxy extends AsyncDisposable {
  readonly port: number;
  /** Every byte from and to connections that have subscribed, or do so later, is swallowed; they stay open. */
  cutSubscribers(): void;
  /** Bytes go through again; what was swallowed is lost. */
  passThrough(): void;
}

export async function channelProxy(to: number): Promise<ChannelProxy> {
  const pairs = new Set<readonly Socket[]>();
  let isCut = false;
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: to, host: '127.0.0.1', noDelay: true });
    const pair = [client, upstream];
    pairs.add(pair);
    const over = (): void => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) socket.on('close', over).on('error', over);
    let subscribes = false;
    client.on('data', (chunk) => {
      subscribes ||= /\r\nsubscribe\r\n/i.test(chunk.toString('latin1'));
      if (!isCut || !subscribes) upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!isCut || !subscribes) client.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cutSubscribers() {
      isCut = true;
    },
    passThrough() {
      isCut = false;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await closed;
    },
  };
}
