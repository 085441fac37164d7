/** A proxy in front of Redis that can silently cut off subscribers, and no other connection. */
import { filteringProxy, type FilteringProxy } from './filtering-proxy.ts';

export interface ChannelProxy extends FilteringProxy {
  /** Drops every byte from and to subscribers, also later ones. Their connections stay open. */
  cutSubscribers(): void;
  /** Passes bytes again. The dropped ones are lost. */
  passThrough(): void;
}

export async function channelProxy(to: number): Promise<ChannelProxy> {
  let isCut = false;
  const proxy = await filteringProxy(to, (toServer, toClient) => {
    let subscribes = false;
    return {
      fromClient(chunk) {
        subscribes ||= /\r\nsubscribe\r\n/i.test(chunk.toString('latin1'));
        if (!isCut || !subscribes) toServer(chunk);
      },
      fromServer(chunk) {
        if (!isCut || !subscribes) toClient(chunk);
      },
    };
  });
  return {
    ...proxy,
    cutSubscribers() {
      isCut = true;
    },
    passThrough() {
      isCut = false;
    },
  };
}
