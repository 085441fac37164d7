/** A proxy in front of Redis that can cut off who subscribes, and nobody else, without a word. */
import { filteringProxy, type FilteringProxy } from './filtering-proxy.ts';

export interface ChannelProxy extends FilteringProxy {
  /** Every byte from and to connections that have subscribed, or do so later, is swallowed; they stay open. */
  cutSubscribers(): void;
  /** Bytes go through again; what was swallowed is lost. */
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
