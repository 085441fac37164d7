/** A TCP proxy in front of Postgres that can lose notifications, and nothing else, or what comes after a commit. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface DeafProxy extends AsyncDisposable {
  readonly port: number;
  /** Sessions that are open now hear no notification any more, as after `UNLISTEN *`; later ones do. */
  deafen(): void;
  /** From now on what a client sends arrives, but no session, also none opened later, hears that its COMMIT was done, nor anything after it. */
  withholdCommits(): void;
}

const notificationResponse = 'A'.charCodeAt(0);
const commandComplete = 'C'.charCodeAt(0);
const commitTag = 'COMMIT\0';

export async function deafProxy(to: number): Promise<DeafProxy> {
  const sessions = new Set<{ deaf: boolean; readonly sockets: readonly Socket[] }>();
  let withholds = false;
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: to, host: '127.0.0.1', noDelay: true });
    const session = { deaf: false, sockets: [client, upstream] };
    sessions.add(session);
    const over = (): void => {
      sessions.delete(session);
      for (const socket of session.sockets) socket.destroy();
    };
    for (const socket of session.sockets) socket.on('close', over).on('error', over);
    client.pipe(upstream);
    let hasCommitted = false;
    const messages = messageSplitter((message) => {
      hasCommitted ||=
        withholds && message[0] === commandComplete && message.toString('latin1', 5) === commitTag;
      if (hasCommitted) return;
      if (!session.deaf || message[0] !== notificationResponse) client.write(message);
    });
    upstream.on('data', messages);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    deafen() {
      for (const session of sessions) session.deaf = true;
    },
    withholdCommits() {
      withholds = true;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const { sockets } of sessions) for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Everything that Postgres sends without TLS: one byte of type, four of length, which counts itself, then the rest. */
function messageSplitter(each: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 5) {
      const size = 1 + rest.readUInt32BE(1);
      if (rest.length < size) return;
      each(rest.subarray(0, size));
      rest = rest.subarray(size);
    }
  };
}
