import { limits, timings } from '@catalog/contracts';
import type { ClaimedChange, Outbox } from '../outbox/outbox.ts';
import type { AwakeLock } from './awake-lock.ts';

export interface RelayOptions {
  readonly outbox: Outbox;
  readonly awakeLock: AwakeLock;
  /** Hands changes on; rejects if it could not. */
  readonly dispatch: (changes: readonly ClaimedChange[]) => Promise<void>;
  /** Whether more changes may be dispatched now; while not, they wait in the outbox, which is made for it. */
  readonly hasRoom: () => Promise<boolean>;
  /** While false, changes stay in the outbox: the cache is away, and they could not be applied. */
  readonly mayDispatch: () => boolean;
  readonly onError: (error: unknown) => void;
}

/**
 * Moves changes from the outbox to the queue.
 *
 *   asleep ── ring, or the next look is due ──▶ look; on a change look again soon; on another one awake
 *   asleep ── the look that was due anyway finds a change that nobody rang for ──▶ awake: the bell may be kept from ringing
 *   awake: asks for the awake lock, so that writers need not ring, and looks again and again
 *   awake  ── nothing for a while, and nobody else has the lock ──▶ asleep: releases the lock, looks after 1, 4, 16, … ms,
 *             at most safetyPoll_ms, and no later than after 16 ms while anybody who may have been refused the bell has not
 *             ended his transaction
 *
 * An edit now and then costs its writer one NOTIFY, and the relay two looks.
 */
export class Relay {
  readonly #options: RelayOptions;
  #rung = false;
  #rungAt_ms: number | undefined;
  /** How long the last look took, with the dispatch of what it found. */
  #lookTook_ms = 0;
  #foundNothing = false;
  #wake: (() => void) | undefined;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.look();
    await this.#running;
    await this.#options.awakeLock.stop();
  }

  /** Look now; somebody rang the doorbell. */
  ring(): void {
    this.#rungAt_ms ??= performance.now();
    this.look();
  }

  /** Look now. */
  look(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async #run(): Promise<void> {
    // Another relay may just have released the lock, or died with it.
    let nextLook_ms = betweenLooks_ms;
    while (!this.#stopped) {
      await this.#sleep(nextLook_ms);
      const isRung = this.#rung;
      const isUnrung = !isRung && nextLook_ms === timings.safetyPoll_ms;
      // Asked before the look: who writes after this rings, and who has ended by then is seen by the look. Somebody who
      // rang waits for no question: it is asked before the next look.
      const canSleep = nextLook_ms < mostBesideWriters_ms || (!isRung && (await this.#canRing()));
      if ((await this.#move()) === 0) {
        nextLook_ms = Math.min(nextLook_ms * 4, canSleep ? timings.safetyPoll_ms : mostBesideWriters_ms);
        continue;
      }
      await this.#sleep(betweenLooks_ms);
      if ((await this.#move()) > 0 || isUnrung) {
        await this.#stayAwake();
        nextLook_ms = betweenLooks_ms;
      }
    }
  }

  async #stayAwake(): Promise<void> {
    const { awakeLock } = this.#options;
    let emptyLooks = 0;
    let found = 0;
    // While the lock is asked for and not had, writers may be kept from ringing: nobody goes to sleep then.
    // While somebody else has it they are: then this relay goes on until it gets it.
    while (!this.#stopped && (emptyLooks < looksBeforeSleep || awakeLock.isRequested || awakeLock.isDenied)) {
      if (emptyLooks < looksBeforeSleep || awakeLock.isDenied) awakeLock.request();
      await this.#sleep(awakeLock.isDenied ? besideAnother_ms : untilNextLook_ms(found, this.#lookTook_ms));
      found = await this.#move();
      emptyLooks = found > 0 ? 0 : Math.min(emptyLooks + 1, looksBeforeSleep);
    }
    awakeLock.release();
  }

  /** Whether all that is written and not committed has rung, or can ring still. */
  async #canRing(): Promise<boolean> {
    const { awakeLock, outbox, onError } = this.#options;
    if (awakeLock.isSilencing) return false;
    try {
      return !(await outbox.isBeingWritten());
    } catch (error) {
      onError(error);
      return false;
    }
  }

  /** @returns how many changes were moved */
  async #move(): Promise<number> {
    const { outbox, dispatch, hasRoom, mayDispatch, onError } = this.#options;
    this.#rung = false;
    if (!mayDispatch()) return 0;
    let changes: ClaimedChange[];
    let beganAt_ms = 0;
    try {
      while (!(await hasRoom())) {
        if (this.#stopped || !mayDispatch()) return 0;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const rungAt_ms = this.#rungAt_ms;
      this.#rungAt_ms = undefined;
      const rung_ms = rungAt_ms === undefined ? undefined : performance.now() - rungAt_ms;
      beganAt_ms = performance.now();
      changes = await outbox.claim(limits.claimChanges, { newest: limits.jobChanges, rung_ms });
      this.#lookTook_ms = performance.now() - beganAt_ms;
      this.#foundNothing = changes.length === 0;
    } catch (error) {
      onError(error);
      return 0;
    }
    if (changes.length === 0) return 0;
    try {
      await dispatch(changes);
      this.#lookTook_ms = performance.now() - beganAt_ms;
    } catch (error) {
      onError(error);
      // What cannot be given back now comes back when its dispatch is overdue.
      await outbox.release(changes).catch(onError);
      return 0;
    }
    return changes.length;
  }

  async #sleep(time_ms: number): Promise<void> {
    if (this.#rung || this.#stopped) return;
    // A look in vain that takes long goes through rows that vacuum may not take away yet: half of the time at most.
    const isSlow = this.#foundNothing && this.#lookTook_ms > slowLook_ms;
    const pause_ms = isSlow ? Math.max(time_ms, this.#lookTook_ms) : time_ms;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pause_ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

/** A change that could not ring waits half of this: short beside the way that it still has to go. */
const betweenLooks_ms = 1;
/** A twentieth of the bound; a look takes a hundred changes or more by then, and is as cheap for each as it can be. */
const mostBetweenLooks_ms = 100;
/** Twice what a change takes to become visible in readers, once it is claimed. */
const besideAnother_ms = 10;
const slowLook_ms = 10;
/** Asleep beside a transaction that may commit without a ring: as often as that a look costs next to nothing. */
const mostBesideWriters_ms = 16;
/** Falling asleep costs the next writer a NOTIFY, staying awake costs a look each time. */
const looksBeforeSleep = 3;

/**
 * In a dense stream a look that waits takes many changes for the price of one. So it waits a millisecond for each that the last
 * one found, unless looks would take less than a tenth of the time then: at rest a machine looks more often than one that is
 * busy. What one claim could not take has waited enough.
 */
function untilNextLook_ms(found: number, lookTook_ms: number): number {
  if (found >= limits.claimChanges) return betweenLooks_ms;
  return Math.max(betweenLooks_ms, Math.min(found, 9 * lookTook_ms, mostBetweenLooks_ms));
}
