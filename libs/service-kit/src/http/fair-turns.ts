import type { Socket } from 'node:net';

/** What one address, or one /64 of IPv6, has of this server. */
export class AddressShare {
  connections = 0;
  /** The turn in which `served` counts. */
  turn = -1;
  served = 0;
  /** Sockets with a request that waits for a later turn. */
  readonly waiting: Socket[] = [];
}

interface SharedSocket extends Socket {
  addressShare?: AddressShare;
}

/** A socket without a share, as that of a proxy, is not limited. */
export function giveShare(socket: Socket, share: AddressShare): void {
  (socket as SharedSocket).addressShare = share;
}

/**
 * Serves so many requests of one address in a turn of the event loop. The rest waits for later turns, so that whoever asks on
 * a thousand connections at once does not make all others wait for a thousand answers.
 */
export class FairTurns {
  readonly #most: number;
  readonly #serveNext: (socket: Socket) => void;
  readonly #behind = new Set<AddressShare>();
  #turn = 0;
  #isEnding = false;
  readonly #end = () => this.#endTurn();

  /** @param serveNext serves requests that wait on the socket, as many as `admits` allows */
  constructor(most: number, serveNext: (socket: Socket) => void) {
    this.#most = most;
    this.#serveNext = serveNext;
  }

  /** @returns false if a request of this socket has to wait. Its turn comes with a call of `serveNext` */
  admits(socket: Socket): boolean {
    const share = (socket as SharedSocket).addressShare;
    if (share === undefined) return true;
    if (share.turn !== this.#turn) {
      share.turn = this.#turn;
      share.served = 0;
    }
    if (share.served < this.#most) {
      share.served += 1;
      this.#endTurnLater();
      return true;
    }
    share.waiting.push(socket);
    this.#behind.add(share);
    return false;
  }

  #endTurnLater(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    setImmediate(this.#end);
  }

  #endTurn(): void {
    this.#isEnding = false;
    this.#turn += 1;
    // Those that have waited come before new requests, which the next turn reads from their sockets.
    for (const share of this.#behind) {
      for (const socket of share.waiting.splice(0, this.#most)) this.#serveNext(socket);
      if (share.waiting.length === 0) this.#behind.delete(share);
    }
    if (this.#behind.size > 0) this.#endTurnLater();
  }
}
