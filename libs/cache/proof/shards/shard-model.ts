/**
 * One slot of a cluster that moves between two shards, while workers announce a change of a key in it and a reader keeps a copy.
 * Entries, leases and fills have a model of their own. Here a load is one step, and the search varies who hears which message.
 */
import { type Model, numberedStates, type VisitStep } from '@catalog/testing/model-search';

type Shard = 0 | 1;
const shards = [0, 1] as const;

/** The number of moves so far. The slot begins on shard 0, and each move takes it to the other one. */
type SlotMap = number;
const ownerIn = (map: SlotMap): Shard => (map % 2 === 0 ? 0 : 1);

interface Worker {
  readonly map: SlotMap;
  /** The highest version that it has invalidated and announced. */
  readonly done: number;
  /** Its last look, and the map that was registered at that time, which was its own. */
  readonly look: { readonly applied: number; readonly map: SlotMap } | null;
}

interface Copy {
  /** As the map of the reader said when the load began. */
  readonly shard: Shard;
  readonly version: number;
}

/** Of one shard. */
interface Channel {
  /** On the way to the reader. */
  readonly messages: readonly Message[];
  readonly isSound: boolean;
  /** The version up to which all changes are applied, by the newest heartbeat. */
  readonly trusted: number;
  /** Whether the shard has the slot in the map of the worker that sent it. */
  readonly hasSlot: boolean;
}

type Message =
  | { readonly invalidates: number }
  /** `isLate`: it was sent before the reader became silent, so it cannot make the reader sound. */
  | { readonly slots: string; readonly hasSlot: boolean; readonly applied: number; readonly isLate: boolean };

interface State {
  readonly map: SlotMap;
  readonly committed: number;
  /** Acknowledged in Postgres. */
  readonly applied: number;
  readonly registered: SlotMap;
  readonly workers: readonly Worker[];
  /** The entry of the key, where the slot is, and the shard in whose incarnation it was stored. */
  readonly entry: { readonly stamp: Shard; readonly version: number } | null;
  readonly readerMap: SlotMap;
  readonly loading: Copy | null;
  readonly copy: Copy | null;
  readonly channels: readonly [Channel, Channel];
}

export interface ShardOptions {
  readonly workers: number;
  readonly moves: number;
  /** Messages of a channel that may be on their way at once. */
  readonly messages: number;
  /** A control leaves out one part, and the rule breaks. */
  readonly without?:
    | 'slots in heartbeats'
    | 'silence when a heartbeat has other slots'
    | 'epochs in views'
    | 'silence when slots change'
    | 'silence unless slots are lost'
    | 'a registered map'
    | 'an order of maps';
}

export function shardModel({ workers, moves, messages, without }: ShardOptions): Model<State> {
  const channel: Channel = { messages: [], isSound: true, trusted: 0, hasSlot: true };
  return {
    initial: {
      map: 0,
      committed: 0,
      applied: 0,
      registered: 0,
      workers: Array.from({ length: workers }, () => ({ map: 0, done: 0, look: null })),
      entry: { stamp: 0, version: 0 },
      readerMap: 0,
      loading: null,
      copy: { shard: 0, version: 0 },
      channels: [channel, channel],
    },
    codec: numberedStates(),
    steps(state, visit) {
      if (state.committed === 0) visit({ ...state, committed: 1 }, () => 'Postgres commits version 1');
      if (state.map < moves) {
        const map = state.map + 1;
        visit({ ...state, map }, () => `the slot moves to shard ${ownerIn(map)}`);
      }
      for (const index of state.workers.keys()) workerSteps(state, index, visit);
      readerSteps(state, visit);
      for (const shard of shards) channelSteps(state, shard, visit);
    },
    violation({ copy, channels, entry, map, readerMap }) {
      const isOld = (shard: Shard, version: number) => version < channels[shard].trusted;
      if (copy !== null && channels[copy.shard].isSound && isOld(copy.shard, copy.version))
        return `Rule 3 is broken: the near cache serves version ${copy.version}, and trusts shard ${copy.shard}.`;
      const asked = ownerIn(readerMap);
      // In the map of the worker, another shard may have the slot. Then the key is not read from Redis.
      if (!channels[asked].hasSlot) return undefined;
      if (entry?.stamp === asked && asked === ownerIn(map) && isOld(asked, entry.version))
        return `Rule 3 is broken: shard ${asked} serves version ${entry.version}, and is trusted.`;
      return undefined;
    },
  };

  /** Which slots a shard has in a map, as `ClusterShard.view` names them. */
  function view(shard: Shard, map: SlotMap): string {
    const hasSlot = ownerIn(map) === shard;
    // A shard gets a higher epoch when it wins the slot.
    const epoch = hasSlot ? map : map - 1;
    return without === 'epochs in views' ? String(hasSlot) : `${hasSlot} ${epoch}`;
  }

  function workerSteps(state: State, index: number, visit: VisitStep<State>): void {
    const worker = state.workers[index] as Worker;
    const name = `worker ${index + 1}`;
    const become = (changed: Partial<Worker>, from = state): State => ({
      ...from,
      workers: from.workers.with(index, { ...worker, ...changed }),
    });
    const isRegistered = without === 'a registered map' || state.registered === worker.map;
    if (worker.map < state.map) visit(become({ map: state.map }), () => `${name} learns the map`);
    const mayRegister = without === 'an order of maps' || worker.map > state.registered;
    if (mayRegister && worker.map !== state.registered)
      visit({ ...state, registered: worker.map }, () => `${name} registers map ${worker.map}`);
    const hasRoom = (shard: Shard) => state.channels[shard].messages.length < messages;
    const shard = ownerIn(worker.map);
    if (worker.done < state.committed && hasRoom(shard)) {
      const announced = send(state, shard, { invalidates: state.committed });
      if (shard === ownerIn(state.map)) {
        const isLive = state.entry?.stamp === shard && state.entry.version >= state.committed;
        const next = become({ done: state.committed }, { ...announced, entry: isLive ? state.entry : null });
        visit(next, () => `${name} invalidates and announces version 1 on shard ${shard}`);
      } else
        visit(announced, () => `${name} is redirected by shard ${shard}, where it has announced version 1`);
    }
    // A worker with a newer map registers the map first. With an older map it may acknowledge: the shard had the slot when the
    // worker invalidated the key there.
    const mayAcknowledge = without === 'a registered map' || worker.map <= state.registered;
    if (worker.done > state.applied && mayAcknowledge)
      visit({ ...state, applied: worker.done }, () => `${name} acknowledges version 1`);
    if (isRegistered) {
      const look = { applied: state.applied, map: worker.map };
      visit(become({ look }), () => `${name} looks: version ${state.applied} is applied`);
    }
    const { look } = worker;
    if (look === null || look.map !== worker.map) return;
    for (const each of shards.filter(hasRoom)) {
      const slots = view(each, worker.map);
      const hasSlot = ownerIn(worker.map) === each;
      const heartbeat = { slots, hasSlot, applied: look.applied, isLate: false };
      visit(send(state, each, heartbeat), () => `${name} sends a heartbeat to shard ${each}`);
    }
  }

  function readerSteps(state: State, visit: VisitStep<State>): void {
    const { readerMap, map, loading, committed } = state;
    const asked = ownerIn(readerMap);
    if (readerMap < map) {
      const learned = { ...state, readerMap: map };
      const changed = shards.filter((shard) => isSilenced(shard, readerMap, map));
      visit(changed.reduce(silence, learned), () => 'the reader learns the map');
    }
    if (loading === null) {
      const read = { ...state, loading: { shard: asked, version: committed } };
      visit(read, () => `the reader reads version ${committed} from Postgres, past shard ${asked}`);
      // A fill is refused by a shard without the slot.
      if (asked === ownerIn(map))
        visit(
          { ...read, entry: { stamp: asked, version: committed } },
          () => `the reader fills shard ${asked}`,
        );
    } else {
      const isKept = state.channels[loading.shard].isSound;
      visit(
        { ...state, loading: null, copy: isKept ? loading : state.copy },
        () => 'the reader keeps its copy',
      );
    }
  }

  function isSilenced(shard: Shard, before: SlotMap, after: SlotMap): boolean {
    if (without === 'silence when slots change') return false;
    if (without === 'silence unless slots are lost')
      return ownerIn(before) === shard && ownerIn(after) !== shard;
    return view(shard, before) !== view(shard, after);
  }

  function channelSteps(state: State, shard: Shard, visit: VisitStep<State>): void {
    const [message, ...rest] = state.channels[shard].messages;
    visit(
      withChannel(silence(state, shard), shard, { messages: [] }),
      () => `the reader loses channel ${shard}`,
    );
    if (message === undefined) return;
    const received = withChannel(state, shard, { messages: rest });
    if ('invalidates' in message) {
      const keeps = (kept: Copy | null) =>
        kept !== null && kept.version >= message.invalidates ? kept : null;
      const next = { ...received, copy: keeps(state.copy), loading: keeps(state.loading) };
      visit(next, () => `the reader hears on channel ${shard} that version 1 invalidates`);
      return;
    }
    const isSame = without === 'slots in heartbeats' || message.slots === view(shard, state.readerMap);
    const keepsCopies = isSame || without === 'silence when a heartbeat has other slots';
    const { trusted, isSound } = state.channels[shard];
    const heard = {
      trusted: Math.max(trusted, message.applied),
      hasSlot: message.hasSlot || without === 'slots in heartbeats',
    };
    visit(
      isSame
        ? withChannel(received, shard, { ...heard, isSound: isSound || !message.isLate })
        : withChannel(keepsCopies ? received : silence(received, shard), shard, heard),
      () => `a heartbeat of shard ${shard} ${isSame ? 'counts' : 'counts for Redis'}`,
    );
  }
}

function send(state: State, shard: Shard, message: Message): State {
  return withChannel(state, shard, { messages: [...state.channels[shard].messages, message] });
}

/** The near copies from a shard no longer count. New ones count after a heartbeat that is sent later. */
function silence(state: State, shard: Shard): State {
  const drop = (kept: Copy | null) => (kept?.shard === shard ? null : kept);
  const messages = state.channels[shard].messages.map((message) =>
    'slots' in message ? { ...message, isLate: true } : message,
  );
  const silent = withChannel(state, shard, { messages, isSound: false });
  return { ...silent, copy: drop(state.copy), loading: drop(state.loading) };
}

function withChannel(state: State, shard: Shard, changed: Partial<Channel>): State {
  const [first, second] = state.channels;
  const channel = { ...state.channels[shard], ...changed };
  return { ...state, channels: shard === 0 ? [channel, second] : [first, channel] };
}
