import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../logging/logger.ts';
import { networkOf } from '../rate-limit/network.ts';
import { AddressShare, giveShare } from './fair-turns.ts';

interface ShareOptions {
  /** Of one address, or of one /64 of IPv6. */
  readonly most: number;
  /** Whether the address is that of a proxy, which has the connections of many clients. */
  readonly isProxy: (address: string) => boolean;
  readonly log: Logger;
}

/** Between the lines about an address that was refused connections. */
const quiet_ms = 10_000;

/** Closes connections of an address that has its share of them, so that it cannot take those of all others. */
export function shareConnections(server: Server, { most, isProxy, log }: ShareOptions): void {
  const shares = new Map<string, AddressShare>();
  let told_ms = Number.NEGATIVE_INFINITY;
  // Before the listener of Node, which would begin to read.
  server.prependListener('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    if (isProxy(address)) return;
    const network = networkOf(address);
    const share = shares.get(network) ?? new AddressShare();
    if (share.connections >= most) {
      socket.destroy();
      if (performance.now() - told_ms < quiet_ms) return;
      told_ms = performance.now();
      log.warn({ network, most }, 'closed a connection of an address that has its share of them');
      return;
    }
    shares.set(network, share);
    share.connections += 1;
    giveShare(socket, share);
    socket.once('close', () => {
      share.connections -= 1;
      if (share.connections === 0) shares.delete(network);
    });
  });
}
