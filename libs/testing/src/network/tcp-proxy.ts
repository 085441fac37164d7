import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** The number of open connections. */
  readonly connections: number;
  /** Passes bytes, as at the start. Bytes dropped before are lost. */
  passThrough(): void;
  /** Drops every byte in both directions. Connections open and stay open, as with a silently broken network. */
  blackhole(): void;
  /** Closes new connections at once, as if the server were down. Open ones stay. */
  refuse(): void;
  /** Resets the open connections (RST). New ones work as before. */
  cut(): void;
  /** Delays every chunk in both directions by this time. The order stays. */
  delay(ms: number): void;
  /** Sends new connections to this port. Open ones stay. */
  retarget(port: number): void;
  stop(): Promise<void>;
}

type Mode = 'pass' | 'blackhole' | 'refuse';

/** A TCP proxy on 127.0.0.1 that a test puts between a service and its store. */
export async function tcpProxy(options: { to: number }): Promise<TcpProxy> {
  let target = options.to;
  let mode: Mode = 'pass';
  let delay_ms = 0;
  const pairs = new Map<Socket, Socket>();

  const carry = (from: Socket, to: Socket): void => {
    let tail = Promise.resolve();
    const inOrder = (step: () => void): void => {
      if (delay_ms === 0) {
        // Stay behind the chunks that are still delayed.
        tail = tail.then(step);
        return;
      }
      const due = new Promise<void>((resolve) => {
        setTimeout(resolve, delay_ms);
      });
      tail = tail.then(() => due).then(step);
    };
    from.on('data', (chunk: Buffer) => {
      if (mode === 'blackhole') return;
      inOrder(() => {
        if (mode === 'blackhole' || to.destroyed) return;
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
    });
    from.on('end', () => {
      if (mode === 'blackhole') return;
      inOrder(() => to.end());
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      if (mode === 'blackhole') return;
      inOrder(() => to.destroy());
    });
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    pairs.set(client, upstream);
    client.on('close', () => pairs.delete(client));
    carry(client, upstream);
    carry(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const cut = (): void => {
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  };
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  };

  return {
    port,
    get connections() {
      return pairs.size;
    },
    passThrough() {
      mode = 'pass';
      delay_ms = 0;
    },
    blackhole() {
      mode = 'blackhole';
    },
    refuse() {
      mode = 'refuse';
    },
    cut,
    delay(ms) {
      mode = 'pass';
      delay_ms = ms;
    },
    retarget(to) {
      target = to;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
