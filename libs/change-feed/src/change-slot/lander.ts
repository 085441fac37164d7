import { confirmPrimary, requireDirect } from '@catalog/database';
import { Flag, type Part, pause, reconnectDelay_ms, repeat } from '@catalog/runtime';
import { Client } from 'pg';
import { closeSession, directConnection } from '../doorbell/direct-connection.ts';
import type { ClaimedChange, Outbox } from '../outbox/outbox.ts';
import { untilNextLook_ms } from '../relay/pace.ts';
import { feedLimits, feedTimings } from '../timings.ts';
import type { ChangeSlot, ChangeSlotState, ChangeSource, Tick } from './change-slot.ts';
import { LandingQueue } from './landing-queue.ts';
import { SlotMessages } from './slot-messages.ts';
import { SlotStream } from './slot-stream.ts';

export interface LanderOptions {
  /** A direct connection, as a role with REPLICATION. */
  readonly databaseUrl: string;
  readonly slot: ChangeSlot;
  /** The source to switch to at the start. Undefined: the source stays as it is. */
  readonly source: ChangeSource | undefined;
  readonly outbox: Pick<Outbox, 'release'>;
  /** Whether this process may hold the slot. If not, another process takes the slot. */
  readonly mayHold: () => boolean;
  /** Puts changes into the queue. Rejects if that fails. */
  readonly dispatch: (changes: readonly ClaimedChange[]) => Promise<void>;
  /** Whether changes may be dispatched now. Otherwise they wait in the outbox for the relay. */
  readonly hasRoom: () => Promise<boolean>;
  /** Called when landed changes wait in the outbox for the relay. */
  readonly onWaiting: () => void;
  /** Called when changes may be missing in the slot. */
  readonly onLost: (reason: string) => void;
  /** Makes sure that the cache holds nothing from before this call. */
  readonly purge: (reason: string) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** The session that reads the slot. */
interface Holding {
  readonly session: Client;
  readonly name: string;
  /** The incarnation of Postgres. */
  readonly incarnation: string;
  /** Why changes may be missing, if the slot had to be created again. */
  readonly lostBy: string | undefined;
}

/**
 * Moves changes from the change slot to the outbox and to the queue.
 *
 * One process holds the slot. Postgres sends each transaction after its commit. The lander writes its changes into the outbox. If
 * the queue has room, it dispatches them at once, so that the relay need not claim them. Once a second it confirms what has
 * landed. A crash between two steps lands changes twice, which changes nothing.
 *
 *   outbox ── `wanted` is slot: create the slot, note that it is in use, then let the triggers write to it ──▶ slot
 *   slot   ── `wanted` is outbox: let the triggers write to the outbox; wait until the transactions of that time have
 *             ended and landed; delete the slot ──▶ outbox
 *   slot   ── it is gone or invalid, or it lacks changes that have not landed: create a new one, then purge the
 *             cache ──▶ slot
 */
export class Lander implements Part {
  readonly #options: LanderOptions;
  /** Raised when changes or milestones wait in the queue. */
  readonly #hasWork = new Flag();
  #queue = new LandingQueue();
  /** The current holding has landed every change before this position. */
  #landed = 0;
  /** When this milestone has landed, the outbox has every change of the slot. */
  #lastMilestone: number | undefined;

  constructor(options: LanderOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { slot, source, mayHold, onError } = this.#options;
    let isSaid = false;
    for (let failures = 0; !signal.aborted;) {
      try {
        if (source !== undefined && !isSaid) {
          await slot.want(source);
          isSaid = true;
        }
        if (mayHold() && (await slot.needsHolder())) await this.#hold(signal);
        failures = 0;
      } catch (error) {
        // If another process took the slot first, nothing is wrong.
        if (!signal.aborted && !isTaken(error)) onError(error);
        failures += 1;
      }
      await pause(failures > 0 ? reconnectDelay_ms(failures) : feedTimings.slotTick_ms, signal);
    }
  }

  /** Reads the slot until the signal aborts or the slot is no longer needed. Rejects when the session fails. */
  async #hold(signal: AbortSignal): Promise<void> {
    const { databaseUrl } = this.#options;
    const settings = { statement_timeout: '0', lock_timeout: '0', wal_sender_timeout: '10s' };
    // The types of the driver do not know `replication`.
    const options = { ...directConnection(databaseUrl, 'change slot', settings), replication: 'database' };
    const session = new Client(options);
    const end = () => void closeSession(session);
    // The query in flight rejects with the same error.
    session.on('error', () => undefined);
    let finished: string | undefined;
    try {
      // If the session were closed before it is connected, this promise would never settle.
      await session.connect();
      signal.addEventListener('abort', end);
      if (signal.aborted) return;
      const holding = await this.#prepare(session);
      if (holding !== undefined && (await this.#follow(holding, signal))) finished = holding.name;
    } finally {
      signal.removeEventListener('abort', end);
      await closeSession(session);
    }
    if (finished !== undefined) await this.#delete(finished, signal);
  }

  async #delete(name: string, signal: AbortSignal): Promise<void> {
    const { slot } = this.#options;
    while (!signal.aborted) {
      if (await slot.drop(name)) {
        await slot.endUse();
        return;
      }
      // Postgres notices only after a moment that the session has ended.
      await pause(10, signal);
    }
  }

  /** Makes sure that there is a slot. @returns undefined when none is needed */
  async #prepare(session: Client): Promise<Holding | undefined> {
    const { slot } = this.#options;
    await requireDirect(session);
    const { incarnation } = await confirmPrimary(session);
    const found = await slot.state(session);
    const { name, wanted, source, inUse, exists, lostBy } = found;
    if (wanted === 'outbox' && !inUse) {
      await slot.drop(name);
      return undefined;
    }
    // First the triggers: even if the slot cannot be created, no further changes are lost.
    if (wanted === 'outbox' && source === 'slot') await slot.writeTo('outbox');
    if (exists && lostBy === null) return { session, name, incarnation, lostBy: undefined };
    const reason = inUse ? whyLost(found) : undefined;
    if (reason !== undefined) await this.#noteLost(reason);
    if (exists) await slot.drop(name);
    await slot.create(session);
    return { session, name, incarnation, lostBy: reason };
  }

  async #noteLost(reason: string): Promise<void> {
    if (await this.#options.slot.noteLost()) this.#options.onLost(reason);
  }

  /** @returns true when the slot is no longer needed */
  async #follow(holding: Holding, signal: AbortSignal): Promise<boolean> {
    const { session, name } = holding;
    this.#queue = new LandingQueue();
    this.#landed = 0;
    this.#lastMilestone = undefined;
    const stream = this.#stream(name);
    session.query(stream);
    await Promise.race([stream.begun, stream.ended]);
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    const work = this.#work(stream, holding, both);
    try {
      return await Promise.race([stream.ended, work]);
    } finally {
      over.abort();
      await work.catch(() => undefined);
    }
  }

  #stream(name: string): SlotStream {
    const messages = new SlotMessages({
      onChange: (change) => this.#queue.addChange(change),
      onMilestone: (milestone) => this.#queue.addMilestone(milestone),
    });
    const stream = new SlotStream(name, (chunk) => {
      try {
        messages.read(chunk);
      } catch (error) {
        // A message that cannot be read must not delay the others.
        this.#options.onError(error);
      }
      if (this.#queue.size > feedLimits.slotChanges) stream.pause();
      if (!this.#queue.isEmpty) this.#hasWork.raise();
    });
    return stream;
  }

  /** @returns true when the slot is no longer needed */
  async #work(stream: SlotStream, holding: Holding, signal: AbortSignal): Promise<boolean> {
    await this.#makeUsable(stream, holding, signal);
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    const landing = this.#landAll(stream, holding.incarnation, both);
    const ticking = this.#tickUntilDone(stream, holding, both);
    try {
      return await Promise.race([landing, ticking]);
    } finally {
      over.abort();
      await Promise.allSettled([landing, ticking]);
    }
  }

  /**
   * Makes sure that looks may use the slot: either it has every change that has not landed, or the cache is purged. It runs while
   * this process holds the slot, so that nobody can replace the slot meanwhile.
   */
  async #makeUsable(
    stream: SlotStream,
    { session, incarnation, lostBy }: Holding,
    signal: AbortSignal,
  ): Promise<void> {
    const { slot, purge } = this.#options;
    const found = await slot.state();
    const { inUse, confirmed, holder } = found;
    if (confirmed === null || holder !== processOf(session)) throw notHeld();
    if (!inUse) {
      await slot.beginUse(confirmed);
      return;
    }
    const reason = lostBy ?? whyLost(found);
    if (reason === undefined) return;
    await this.#noteLost(reason);
    const over = new AbortController();
    // A purge may take longer than `wal_sender_timeout`.
    const alive = repeat(async () => stream.confirm(0), {
      every_ms: feedTimings.slotTick_ms,
      signal: AbortSignal.any([signal, over.signal]),
      onError: this.#options.onError,
    });
    try {
      await Promise.race([purge(`the change slot was lost: ${reason}`), stream.ended]);
    } finally {
      over.abort();
      await alive;
    }
    await slot.resumeAfterPurge(confirmed, incarnation);
  }

  async #landAll(stream: SlotStream, incarnation: string, signal: AbortSignal): Promise<false> {
    while (!signal.aborted) {
      await this.#hasWork.wait(signal);
      this.#hasWork.lower();
      const began_ms = performance.now();
      const found = await this.#land(incarnation);
      if (this.#queue.size < feedLimits.slotChanges / 2) stream.resume();
      if (!this.#queue.isEmpty) this.#hasWork.raise();
      await pause(untilNextLook_ms({ found, took_ms: performance.now() - began_ms }), signal);
    }
    return false;
  }

  /** @returns how many changes it has landed */
  async #land(incarnation: string): Promise<number> {
    const { slot, outbox, dispatch, onWaiting, onError } = this.#options;
    const landing = this.#queue.take(feedLimits.claimChanges);
    const isDispatched = landing.changes.length > 0 && (await this.#hasRoom());
    const changes = await slot.land(landing, incarnation, isDispatched);
    if (changes === undefined)
      throw new Error('the incarnation of Postgres has changed, so the changes of this slot were not landed');
    if (landing.milestone !== undefined) this.#landed = landing.milestone.position;
    if (isDispatched) {
      try {
        await dispatch(changes);
      } catch (error) {
        onError(error);
        // If the release fails too, the relay claims the changes once their dispatch is overdue.
        await outbox.release(changes).catch(onError);
      }
    } else if (changes.length > 0) onWaiting();
    return changes.length;
  }

  async #hasRoom(): Promise<boolean> {
    try {
      return await this.#options.hasRoom();
    } catch (error) {
      this.#options.onError(error);
      return false;
    }
  }

  /** @returns true when the slot is no longer needed */
  async #tickUntilDone(
    stream: SlotStream,
    { session, name }: Holding,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { slot, mayHold } = this.#options;
    while (!signal.aborted && mayHold()) {
      const landed = this.#landed;
      const tick = await slot.tick(name);
      // If the network is cut, Postgres ends its side of the session after `wal_sender_timeout`. Our side may not notice for hours.
      if (tick.holder !== processOf(session)) throw notHeld();
      // The milestone of this tick has flushed all earlier landings.
      stream.confirm(landed);
      if (await this.#isDone(tick, landed)) return true;
      await pause(feedTimings.slotTick_ms, signal);
    }
    return false;
  }

  /**
   * Switches to the wanted source, one step for each tick.
   *
   * @param landed every change before this position has landed and is on the disk
   * @returns whether the slot is no longer needed
   */
  async #isDone(
    { milestone, wanted, source, oldWritersNoted, oldWritersEnded }: Tick,
    landed: number,
  ): Promise<boolean> {
    const { slot } = this.#options;
    if (wanted !== source) await slot.writeTo(wanted);
    else if (wanted === 'outbox' && !oldWritersNoted) await slot.noteOldWriters();
    else if (wanted === 'outbox' && oldWritersEnded) {
      this.#lastMilestone ??= milestone;
      return landed >= this.#lastMilestone;
    }
    return false;
  }
}

/** Why the slot may lack changes that have not landed; undefined if it has them all. */
function whyLost({ exists, lostBy, landed, confirmed }: ChangeSlotState): string | undefined {
  if (!exists) return 'it does not exist';
  if (lostBy !== null) return lostBy;
  if (landed === null || confirmed === null) return 'the cache was not purged after an earlier loss';
  return confirmed > landed ? 'it begins later than the last change that has landed' : undefined;
}

/** Another process reads the slot, or has just created it. */
function isTaken(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === '55006' || code === '42710';
}

const notHeld = () => new Error('Postgres does not send the change slot to this session any more');

function processOf(session: Client): number {
  return (session as Client & { readonly processID: number | null }).processID ?? 0;
}
