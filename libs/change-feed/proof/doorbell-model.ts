/**
 * The doorbell: relays, their lock and writers, as in the relay's code and in `catalog.ring_doorbell`, without the safety
 * poll. A change waits for that poll if it is committed while every relay sleeps and no writer rings.
 */
import { type Model, numberedStates, type VisitStep } from '@catalog/testing/model-search';

/** A transaction with one change. When it writes, it tries for a share of the lock, and keeps it until its end. */
interface Writer {
  readonly at: 'not begun' | 'written' | 'committed' | 'claimed';
  /** It got its share, so it rings when it commits. */
  readonly rings: boolean;
}

interface Relay {
  /** polling: it looks again soon. sure: polling, and every open transaction can ring. */
  readonly at: 'polling' | 'sure' | 'asleep' | 'awake';
  readonly lock: 'none' | 'asked' | 'held' | 'releasing';
  readonly rung: boolean;
}

interface State {
  readonly writers: readonly Writer[];
  readonly relays: readonly Relay[];
}

export interface DoorbellOptions {
  readonly writers: number;
  readonly relays: number;
  /** A control leaves out one part, and the rule breaks. */
  readonly without?: 'asking who writes' | 'waiting for the release' | 'asking before the look' | 'ringing';
}

export const NO_WRITER_HAS_RUNG = 'A change is committed, every relay sleeps, and no writer has rung.';

export function doorbellModel({ writers, relays, without }: DoorbellOptions): Model<State> {
  return {
    initial: {
      writers: Array.from({ length: writers }, () => ({ at: 'not begun', rings: false })),
      relays: Array.from({ length: relays }, () => ({ at: 'polling', lock: 'none', rung: false })),
    },
    codec: numberedStates(),
    steps(state, visit) {
      for (const index of state.writers.keys()) writerSteps(state, index, visit);
      for (const index of state.relays.keys()) relaySteps(state, index, visit);
    },
    violation: ({ writers, relays }) =>
      writers.some(({ at }) => at === 'committed') && relays.every(({ at, rung }) => at === 'asleep' && !rung)
        ? NO_WRITER_HAS_RUNG
        : undefined,
  };

  function writerSteps(state: State, index: number, visit: VisitStep<State>): void {
    const { at, rings } = state.writers[index] as Writer;
    const name = `writer ${index + 1}`;
    if (at === 'not begun') {
      // It only tries for the lock, so it is also refused while a relay waits for the lock.
      const granted = without !== 'ringing' && state.relays.every(({ lock }) => lock === 'none');
      const bell = granted ? 'will ring' : 'will not ring';
      visit(withWriter(state, index, { at: 'written', rings: granted }), () => `${name} writes and ${bell}`);
    }
    if (at === 'written') {
      const committed = withWriter(state, index, { at: 'committed', rings });
      const heard = committed.relays.map((relay) => (rings ? { ...relay, rung: true } : relay));
      visit({ ...committed, relays: heard }, () => `${name} commits${rings ? ' and rings' : ''}`);
      visit(withWriter(state, index, { at: 'claimed', rings }), () => `${name} rolls back`);
    }
  }

  function relaySteps(state: State, index: number, visit: VisitStep<State>): void {
    const relay = state.relays[index] as Relay;
    const name = `relay ${index + 1}`;
    const become = (changed: Partial<Relay>, from = state) =>
      withRelay(from, index, { ...relay, ...changed });
    const claimed = {
      ...state,
      writers: state.writers.map((writer) =>
        writer.at === 'committed' ? { ...writer, at: 'claimed' as const } : writer,
      ),
    };
    const hasWork = state.writers.some(({ at }) => at === 'committed');

    if (relay.lock === 'asked') {
      const isFree =
        state.relays.every(({ lock }) => lock !== 'held' && lock !== 'releasing') &&
        state.writers.every(({ at, rings }) => at !== 'written' || !rings);
      if (isFree) visit(become({ lock: 'held' }), () => `${name} gets the lock`);
      else visit(become({ lock: 'none' }), () => `${name} does not get the lock`);
    }
    if (relay.lock === 'releasing') visit(become({ lock: 'none' }), () => `${name} has released the lock`);

    if (relay.at === 'asleep') {
      if (relay.rung) visit(become({ at: 'polling', rung: false }), () => `${name} is woken`);
      return;
    }
    if (relay.at === 'awake') {
      if (relay.lock === 'none') visit(become({ lock: 'asked' }), () => `${name} asks for the lock`);
      if (relay.lock === 'held' && !hasWork) {
        visit(become({ at: 'polling', lock: 'releasing' }), () => `${name} begins to release the lock`);
      }
      if (hasWork) visit(become({ rung: false }, claimed), () => `${name} claims while awake`);
      return;
    }
    const isSilencing = without !== 'waiting for the release' && relay.lock !== 'none';
    const isWritten = without !== 'asking who writes' && state.writers.some(({ at }) => at === 'written');
    const isQuiet = !isSilencing && !isWritten;
    const asksLast = without === 'asking before the look';
    if (asksLast && relay.at === 'sure') {
      if (isQuiet)
        visit(become({ at: 'asleep' }), () => `${name} finds no open transaction and falls asleep`);
      else visit(become({ at: 'polling' }), () => `${name} finds an open transaction`);
    } else if (hasWork) {
      visit(become({ at: 'polling', rung: false }, claimed), () => `${name} claims and will look again soon`);
      visit(become({ at: 'awake', rung: false }, claimed), () => `${name} claims and stays awake`);
    } else if (asksLast) {
      visit(become({ at: 'sure', rung: false }), () => `${name} looks and finds nothing`);
    } else if (relay.at === 'sure') {
      visit(become({ at: 'asleep', rung: false }), () => `${name} looks, finds nothing and falls asleep`);
    }
    if (!asksLast && relay.at === 'polling' && isQuiet)
      visit(become({ at: 'sure' }), () => `${name} finds no open transaction`);
  }
}

function withWriter(state: State, index: number, writer: Writer): State {
  return { ...state, writers: state.writers.with(index, writer) };
}

function withRelay(state: State, index: number, relay: Relay): State {
  return { ...state, relays: state.relays.with(index, relay) };
}
