import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** What one address, or one /64 of IPv6, has of this server. */
export class AddressShare {
  connections = 0;
  /** The turn in which `served` counts. */
  turn = -1;
  served = 0;
  /** Sockets with a request that waits for a later turn. */
  readonly waiting = new Set<Socket>();
}

interface SharedSocket extends Socket {
  addressShare?: AddressShare;
  /** The turn in which a request of this socket was served last. */
  servedTurn?: number;
}

export interface TurnLimits {
  /** Requests of one address that are served in one turn of the event loop. */
  readonly servedInTurn: number;
  /** After this time a turn serves only one more request of each address. */
  readonly firsts_ms: number;
  /** For this time a turn serves waiting requests, and more than one request of a connection. */
  readonly turn_ms: number;
}

/** A socket without a share, as that of a proxy, is not limited. */
export function giveShare(socket: Socket, share: AddressShare): void {
  (socket as SharedSocket).addressShare = share;
}

/**
 * Keeps each turn of the event loop short. Otherwise a client that asks on a thousand connections at once, or sends many requests
 * ahead on each, would make all others wait for its answers. One turn serves the first request of each connection, up to
 * `servedInTurn` requests of an address during its first `firsts_ms`, and one request of each other address. It serves further
 * requests of a connection only during its first `turn_ms`. The others wait for later turns.
 */
export class FairTurns {
  readonly #limits: TurnLimits;
  readonly #serveNext: (socket: Socket) => void;
  readonly #behind = new Set<AddressShare>();
  #turn = 0;
  #began_ms = 0;
  #isEnding = false;
  readonly #end = () => this.#endTurn();

  /** @param serveNext serves requests that wait on the socket, as many as `admits` allows */
  constructor(limits: TurnLimits, serveNext: (socket: Socket) => void) {
    this.#limits = limits;
    this.#serveNext = serveNext;
  }

  /**
   * @param hasWaited whether the request waited for earlier ones of its connection
   * @returns false if a request of this socket has to wait. Its turn comes with a call of `serveNext`
   */
  admits(socket: SharedSocket, hasWaited: boolean): boolean {
    const share = socket.addressShare;
    if (share === undefined) return true;
    this.#endTurnLater();
    if (share.turn !== this.#turn) {
      share.turn = this.#turn;
      share.served = 0;
    }
    const { servedInTurn, firsts_ms, turn_ms } = this.#limits;
    const isFirst = !hasWaited && socket.servedTurn !== this.#turn;
    const isOnlyOne = isFirst && share.served === 0;
    if (share.served < servedInTurn && (isOnlyOne || this.#isYounger(isFirst ? firsts_ms : turn_ms))) {
      share.served += 1;
      socket.servedTurn = this.#turn;
      return true;
    }
    share.waiting.add(socket);
    this.#behind.add(share);
    return false;
  }

  /** A request that was admitted in this turn is not served after all, and will ask again. */
  giveBack(socket: SharedSocket): void {
    const share = socket.addressShare;
    if (share === undefined || share.turn !== this.#turn) return;
    share.served -= 1;
    socket.servedTurn = -1;
  }

  #isYounger(age_ms: number): boolean {
    return performance.now() - this.#began_ms < age_ms;
  }

  #endTurnLater(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#began_ms = performance.now();
    setImmediate(this.#end);
  }

  #endTurn(): void {
    this.#isEnding = false;
    this.#turn += 1;
    if (this.#behind.size === 0) return;
    this.#endTurnLater();
    const { servedInTurn, turn_ms } = this.#limits;
    // Those that have waited come before new requests, which the next turn reads from their sockets.
    for (const share of this.#behind.values().toArray()) {
      if (!this.#isYounger(turn_ms)) return;
      for (const socket of share.waiting.values().take(servedInTurn).toArray()) {
        if (!this.#isYounger(turn_ms)) break;
        share.waiting.delete(socket);
        this.#serveNext(socket);
      }
      // An address that was served goes to the end of the queue.
      this.#behind.delete(share);
      if (share.waiting.size > 0) this.#behind.add(share);
    }
  }
}
