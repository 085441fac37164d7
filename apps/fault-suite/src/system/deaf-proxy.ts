/** A proxy in front of Postgres that can drop notifications only, or everything after a commit. */
import { filteringProxy, type FilteringProxy } from './filtering-proxy.ts';

export interface DeafProxy extends FilteringProxy {
  /** Sessions that are open now get no more notifications, as after `UNLISTEN *`. Later sessions do. */
  deafen(): void;
  /** From now on no session hears that its COMMIT was done, nor anything after it. What a client sends still arrives. */
  withholdCommits(): void;
}

const notificationResponse = 'A'.charCodeAt(0);
const commandComplete = 'C'.charCodeAt(0);
const commitTag = 'COMMIT\0';

export async function deafProxy(to: number): Promise<DeafProxy> {
  let opened = 0;
  let deafUpTo = 0;
  let withholds = false;
  const proxy = await filteringProxy(to, (toServer, toClient) => {
    const session = (opened += 1);
    let hasCommitted = false;
    return {
      fromClient: toServer,
      fromServer: messageSplitter((message) => {
        hasCommitted ||=
          withholds && message[0] === commandComplete && message.toString('latin1', 5) === commitTag;
        if (hasCommitted) return;
        if (session > deafUpTo || message[0] !== notificationResponse) toClient(message);
      }),
    };
  });
  return {
    ...proxy,
    deafen() {
      deafUpTo = opened;
    },
    withholdCommits() {
      withholds = true;
    },
  };
}

/** Splits what Postgres sends without TLS: one byte of type, four bytes of length (they count too), then the content. */
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
