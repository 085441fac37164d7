import { Flag, type Part, pause } from '@catalog/runtime';
import type { ClaimedChange, Outbox } from '../outbox/outbox.ts';
import { feedLimits, feedTimings } from '../timings.ts';
import type { AwakeLock } from './awake-lock.ts';
import { betweenLooks_ms, type LastLook, untilNextLook_ms } from './pace.ts';

export interface RelayOptions {
  readonly outbox: Outbox;
  /** The relay releases it and closes its session at the end of each run. */
  readonly awakeLock: AwakeLock;
  /** Puts changes into the queue. Rejects if that fails. */
  readonly dispatch: (changes: readonly ClaimedChange[]) => Promise<void>;
  /** Whether changes may be dispatched now. Otherwise they wait in the outbox. */
  readonly hasRoom: () => Promise<boolean>;
  /** While false, changes stay in the outbox: they could not be applied, because the cache is away. */
  readonly mayDispatch: () => boolean;
  readonly onError: (error: unknown) => void;
}

/**
 * Moves changes from the outbox to the queue.
 *
 *   asleep ── a ring, or the next look is due ──▶ looks; after a change it looks again soon; after a second one it is awake
 *   asleep ── a look that was due finds a change without a ring ──▶ awake, because the doorbell may be silent
 *   awake: asks for the awake lock, so that writers need not ring, and looks again and again
 *   awake  ── a few empty looks, and no other relay has the lock ──▶ asleep: releases the lock, and looks after 1, 4, 16, … ms,
 *             at most safetyPoll_ms. While a transaction is open that may be unable to ring, after 16 ms at most
 *
 * A single edit costs its writer one NOTIFY, and the relay two looks.
 */
export class Relay implements Part {
  readonly #options: RelayOptions;
  /** Raised by `look` and `ring`, lowered when a look begins. */
  readonly #lookNow = new Flag();
  #rungAt_ms: number | undefined;
  #lastLook: LastLook = { found: 0, took_ms: 0 };

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** The doorbell rang: look now. */
  ring(): void {
    this.#rungAt_ms ??= performance.now();
    this.look();
  }

  /** Look now. */
  look(): void {
    this.#lookNow.raise();
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#sleepAndLook(signal);
    } finally {
      await this.#options.awakeLock.close();
    }
  }

  async #sleepAndLook(signal: AbortSignal): Promise<void> {
    // Soon at first: another relay may just have released the lock, or died with it.
    let nextLook_ms = betweenLooks_ms;
    while (!signal.aborted) {
      await this.#sleep(nextLook_ms, signal);
      const isRung = this.#lookNow.isRaised;
      const isDueWithoutRing = !isRung && nextLook_ms === feedTimings.safetyPoll_ms;
      // The relay asks this before the look. A writer that comes later can ring, and the look sees the changes of all transactions
      // that have ended by then. After a ring a change is waiting, so the relay asks only before the next look.
      const canSleep = nextLook_ms < mostWhileWritersMayNotRing_ms || (!isRung && (await this.#canRing()));
      if ((await this.#move(signal)) === 0) {
        nextLook_ms = Math.min(
          nextLook_ms * 4,
          canSleep ? feedTimings.safetyPoll_ms : mostWhileWritersMayNotRing_ms,
        );
        continue;
      }
      await this.#sleep(betweenLooks_ms, signal);
      if ((await this.#move(signal)) > 0 || isDueWithoutRing) {
        await this.#stayAwake(signal);
        nextLook_ms = betweenLooks_ms;
      }
    }
  }

  async #stayAwake(signal: AbortSignal): Promise<void> {
    const { awakeLock } = this.#options;
    let emptyLooks = 0;
    let found = 0;
    // While the lock is requested, and while another relay has it, the doorbell is silent. Then this relay must not sleep.
    while (
      !signal.aborted &&
      (emptyLooks < looksBeforeSleep || awakeLock.isRequested || awakeLock.isDenied)
    ) {
      if (emptyLooks < looksBeforeSleep || awakeLock.isDenied) awakeLock.request();
      const next_ms = untilNextLook_ms({ ...this.#lastLook, found });
      await this.#sleep(awakeLock.isDenied ? whileAnotherIsAwake_ms : next_ms, signal);
      found = await this.#move(signal);
      emptyLooks = found > 0 ? 0 : Math.min(emptyLooks + 1, looksBeforeSleep);
    }
    awakeLock.release();
  }

  /** Whether every open transaction with changes has rung, or can still ring. */
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

  /** One look. @returns how many changes were moved */
  async #move(signal: AbortSignal): Promise<number> {
    const { outbox, dispatch, hasRoom, mayDispatch, onError } = this.#options;
    this.#lookNow.lower();
    if (!mayDispatch()) return 0;
    let changes: ClaimedChange[];
    let beganAt_ms = 0;
    try {
      while (!(await hasRoom())) {
        if (signal.aborted || !mayDispatch()) return 0;
        await pause(5, signal);
      }
      const rungAt_ms = this.#rungAt_ms;
      this.#rungAt_ms = undefined;
      const rung_ms = rungAt_ms === undefined ? undefined : performance.now() - rungAt_ms;
      beganAt_ms = performance.now();
      changes = await outbox.claim(feedLimits.claimChanges, { newest: feedLimits.jobChanges, rung_ms });
      this.#lastLook = { found: changes.length, took_ms: performance.now() - beganAt_ms };
    } catch (error) {
      onError(error);
      return 0;
    }
    if (changes.length === 0) return 0;
    try {
      await dispatch(changes);
      this.#lastLook = { found: changes.length, took_ms: performance.now() - beganAt_ms };
    } catch (error) {
      onError(error);
      // When they cannot be released either, the claim takes them again once their dispatch is overdue.
      await outbox.release(changes).catch(onError);
      return 0;
    }
    return changes.length;
  }

  async #sleep(time_ms: number, signal: AbortSignal): Promise<void> {
    await this.#lookNow.wait(signal, atLeastHalfIdle_ms(time_ms, this.#lastLook));
  }
}

// When the relay looks again. Each number is a trade between the delay of a change and the cost of looking.

/** While another relay holds the awake lock: twice the time from a claim until the change is visible to readers. */
const whileAnotherIsAwake_ms = 10;
const slowLook_ms = 10;
/** Asleep, while an open transaction may commit without a ring: so seldom that looking costs next to nothing. */
const mostWhileWritersMayNotRing_ms = 16;
/** Falling asleep costs the next writer a NOTIFY, and staying awake costs a look each time. */
const looksBeforeSleep = 3;

/**
 * A slow, empty look is scanning dead rows that vacuum cannot remove yet. Sleep at least as long as it took, so that looking
 * uses at most half of the time.
 */
function atLeastHalfIdle_ms(time_ms: number, { found, took_ms }: LastLook): number {
  return found === 0 && took_ms > slowLook_ms ? Math.max(time_ms, took_ms) : time_ms;
}
