/**
 * Gives each accepted connection to one worker, in turn.
 *
 * The primary keeps its copy of a socket until the worker says that it has the connection. When a worker is killed
 * meanwhile, another one gets it, and the client notices nothing. node:cluster forgets such a connection: its client
 * waits until it gives up. SO_REUSEPORT spreads by a hash: of 32 connections one of two processes got up to 21.
 */
import type { Socket } from 'node:net';
import type { ToWorker } from './messages.ts';

export interface Receiver {
  /** @returns false if the worker cannot be reached any more */
  send(message: ToWorker, socket: Socket): boolean;
}

interface Handed {
  readonly socket: Socket;
  readonly at_ms: number;
}

export class HandOver {
  readonly #mostWaiting: number;
  readonly #stuck_ms: number;
  /** In the order of their turns, with the connections that each has not yet taken, oldest first. */
  readonly #receivers = new Map<Receiver, Map<number, Handed>>();
  /** Connections that came while there was no receiver. */
  #waiting: Socket[] = [];
  #lastId = 0;

  constructor(options: { readonly mostWaiting: number; readonly stuck_ms: number }) {
    this.#mostWaiting = options.mostWaiting;
    this.#stuck_ms = options.stuck_ms;
  }

  /** Connections that no worker has taken yet. */
  get pending(): number {
    let sum = this.#waiting.length;
    for (const { size } of this.#receivers.values()) sum += size;
    return sum;
  }

  add(receiver: Receiver): void {
    this.#receivers.set(receiver, new Map());
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const socket of waiting) this.accept(socket);
  }

  /** Its next connections go to others, and so do those that it has not taken. */
  remove(receiver: Receiver): void {
    const untaken = this.#receivers.get(receiver);
    this.#receivers.delete(receiver);
    for (const { socket } of untaken?.values() ?? []) this.accept(socket);
  }

  taken(receiver: Receiver, id: number): void {
    const untaken = this.#receivers.get(receiver);
    // Closes only this process's copy. The connection stays open in the worker.
    untaken?.get(id)?.socket.destroy();
    untaken?.delete(id);
  }

  accept(socket: Socket): void {
    if (socket.destroyed) return;
    const next = this.#next();
    if (next === undefined) {
      if (this.#waiting.length < this.#mostWaiting) this.#waiting.push(socket);
      else socket.destroy();
      return;
    }
    const [receiver, untaken] = next;
    // The last one to be chosen again.
    this.#receivers.delete(receiver);
    this.#receivers.set(receiver, untaken);
    const id = ++this.#lastId;
    untaken.set(id, { socket, at_ms: performance.now() });
    // An unreachable worker has died. `remove` follows, and gives the connection to another one.
    receiver.send({ kind: 'connection', id }, socket);
  }

  /** Drops what nobody has taken. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy();
    for (const untaken of this.#receivers.values())
      for (const { socket } of untaken.values()) socket.destroy();
    this.#waiting = [];
    this.#receivers.clear();
  }

  /** In turn. Those that are stuck, and take nothing for a while, are passed over while another one is not. */
  #next(): [Receiver, Map<number, Handed>] | undefined {
    const latest_ms = performance.now() - this.#stuck_ms;
    let stuck: [Receiver, Map<number, Handed>] | undefined;
    for (const entry of this.#receivers) {
      const [oldest] = entry[1].values();
      if (oldest === undefined || oldest.at_ms > latest_ms) return entry;
      stuck ??= entry;
    }
    return stuck;
  }
}
