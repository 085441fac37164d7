/**
 * Who rings, who is refused, and who sleeps: the relays, their lock and the writers, as `relay.ts`, `awake-lock.ts` and
 * `catalog.ring_doorbell` have it, without the safety poll. A change that is committed while every relay sleeps soundly, and
 * that rings for none, would wait for that poll.
 */
import type { Model, Step } from './search.ts';

/** A transaction with one change. It asks for the bell when it writes; granted, it shares the lock until its end. */
interface Writer {
  readonly at: 'not begun' | 'written' | 'committed' | 'claimed';
  readonly rings: boolean;
}

interface Relay {
  /** dozing: its next look is near. sure: dozing, and nobody who may have been refused is under way. */
  readonly at: 'dozing' | 'sure' | 'asleep' | 'awake';
  readonly lock: 'none' | 'asked' | 'held' | 'releasing';
  readonly rung: boolean;
}

export interface State {
  readonly writers: readonly Writer[];
  readonly relays: readonly Relay[];
}

export interface Options {
  readonly writers: number;
  readonly relays: number;
  /** What must be left in for the rule to hold. */
  readonly without?: 'asking who writes' | 'waiting for the release' | 'asking before the look' | 'ringing';
}

export function doorbellModel({ writers, relays, without }: Options): Model<State> {
  return {
    initial: {
      writers: Array.from({ length: writers }, () => ({ at: 'not begun', rings: false })),
      relays: Array.from({ length: relays }, () => ({ at: 'dozing', lock: 'none', rung: false })),
    },
    *steps(state) {
      for (const index of state.writers.keys()) yield* writerSteps(state, index);
      for (const index of state.relays.keys()) yield* relaySteps(state, index);
    },
    violation: ({ writers, relays }) =>
      writers.some(({ at }) => at === 'committed') && relays.every(({ at, rung }) => at === 'asleep' && !rung)
        ? 'a change is committed, every relay sleeps, and nobody has rung'
        : undefined,
  };

  function* writerSteps(state: State, index: number): Iterable<Step<State>> {
    const { at, rings } = state.writers[index] as Writer;
    const name = `writer ${index + 1}`;
    if (at === 'not begun') {
      // Tried for, and so refused behind one who waits for it too.
      const granted = without !== 'ringing' && state.relays.every(({ lock }) => lock === 'none');
      const told = granted ? 'may ring' : 'is refused the bell';
      yield [`${name} writes and ${told}`, withWriter(state, index, { at: 'written', rings: granted })];
    }
    if (at === 'written') {
      const committed = withWriter(state, index, { at: 'committed', rings });
      const heard = committed.relays.map((relay) => (rings ? { ...relay, rung: true } : relay));
      yield [`${name} commits${rings ? ' and rings' : ''}`, { ...committed, relays: heard }];
      yield [`${name} rolls back`, withWriter(state, index, { at: 'claimed', rings })];
    }
  }

  function* relaySteps(state: State, index: number): Iterable<Step<State>> {
    const relay = state.relays[index] as Relay;
    const name = `relay ${index + 1}`;
    const become = (changed: Partial<Relay>, from = state) =>
      withRelay(from, index, { ...relay, ...changed });
    const taken = {
      ...state,
      writers: state.writers.map((writer) =>
        writer.at === 'committed' ? { ...writer, at: 'claimed' as const } : writer,
      ),
    };
    const finds = state.writers.some(({ at }) => at === 'committed');

    if (relay.lock === 'asked') {
      const isFree =
        state.relays.every(({ lock }) => lock !== 'held' && lock !== 'releasing') &&
        state.writers.every(({ at, rings }) => at !== 'written' || !rings);
      if (isFree) yield [`${name} gets the lock`, become({ lock: 'held' })];
      else yield [`${name} waits for the lock in vain`, become({ lock: 'none' })];
    }
    if (relay.lock === 'releasing') yield [`${name}'s lock is free`, become({ lock: 'none' })];

    if (relay.at === 'asleep') {
      if (relay.rung) yield [`${name} is woken`, become({ at: 'dozing', rung: false })];
      return;
    }
    if (relay.at === 'awake') {
      if (relay.lock === 'none') yield [`${name} asks for the lock`, become({ lock: 'asked' })];
      if (relay.lock === 'held' && !finds) {
        yield [`${name} gives the lock back`, become({ at: 'dozing', lock: 'releasing' })];
      }
      if (finds) yield [`${name}, awake, claims`, become({ rung: false }, taken)];
      return;
    }
    const isSilencing = without !== 'waiting for the release' && relay.lock !== 'none';
    const isWritten = without !== 'asking who writes' && state.writers.some(({ at }) => at === 'written');
    const isQuiet = !isSilencing && !isWritten;
    const asksLast = without === 'asking before the look';
    if (asksLast && relay.at === 'sure') {
      if (isQuiet) yield [`${name} asks who writes: nobody; it falls asleep`, become({ at: 'asleep' })];
      else yield [`${name} asks who writes: somebody`, become({ at: 'dozing' })];
    } else if (finds) {
      yield [`${name} claims, and looks again later`, become({ at: 'dozing', rung: false }, taken)];
      yield [`${name} claims, and stays awake`, become({ at: 'awake', rung: false }, taken)];
    } else if (asksLast) {
      yield [`${name} looks, and finds nothing`, become({ at: 'sure', rung: false })];
    } else if (relay.at === 'sure') {
      yield [`${name} looks, finds nothing and falls asleep`, become({ at: 'asleep', rung: false })];
    }
    if (!asksLast && relay.at === 'dozing' && isQuiet)
      yield [`${name} asks who writes: nobody`, become({ at: 'sure' })];
  }
}

function withWriter(state: State, index: number, writer: Writer): State {
  return { ...state, writers: state.writers.with(index, writer) };
}

function withRelay(state: State, index: number, relay: Relay): State {
  return { ...state, relays: state.relays.with(index, relay) };
}
