/**
 * One slot of a cluster whose servers change: it moves from one shard to the other, and the server of the first shard fails over.
 * Workers announce a change of a key in that slot, and a reader keeps a copy. A server that has failed over still answers those who do
 * not know of it. Entries, leases and fills have a model of their own. Here a load is one step, and what may go wrong is who hears of
 * what.
 */
import { type Model, numberedStates, type VisitStep } from '@catalog/testing/model-search';

/** Server 0 has the slot at first. Server 1 is the other shard. Server 2 takes the place of server 0. */
type Server = 0 | 1 | 2;
const servers = [0, 1, 2] as const;

export type Event = 'the slot moves' | 'server 0 fails over';

/** How many events a process knows of. */
type SlotMap = number;

/** What a map says. */
interface Layout {
  readonly first: 0 | 2;
  readonly owner: Server;
  /** With which map each server won the slot; -1 for never. */
  readonly won: readonly [number, number, number];
}

interface Worker {
  readonly map: SlotMap;
  /** The server on which it has invalidated and announced the change. */
  readonly done: Server | null;
  readonly look: Look | null;
}

interface Look {
  /** Whether the change was committed and applied, to whichever server. */
  readonly isApplied: boolean;
  readonly registered: SlotMap;
  readonly settled: readonly Server[];
}

interface Copy {
  /** As the map of the reader said when the load began. */
  readonly server: Server;
  readonly version: number;
}

/** Of one server. */
interface Channel {
  /** On the way to the reader. */
  readonly messages: readonly Message[];
  readonly isSound: boolean;
  /** The version up to which all changes are applied, by the newest heartbeat. */
  readonly trusted: number;
  /** Whether the server has the slot in the map of the worker that sent it. */
  readonly hasSlot: boolean;
}

type Message =
  | { readonly invalidates: number }
  /** `isLate`: it was sent before the reader became silent, so it cannot make the reader sound. */
  | { readonly slots: string; readonly hasSlot: boolean; readonly applied: number; readonly isLate: boolean };

interface State {
  readonly map: SlotMap;
  readonly committed: number;
  /** The server that the change is acknowledged for in Postgres. */
  readonly appliedTo: Server | null;
  readonly registered: SlotMap;
  /** Servers of the registered map that have taken all changes; and whether there may be changes to replay. */
  readonly settled: readonly Server[];
  readonly isReplaying: boolean;
  readonly workers: readonly Worker[];
  /** The entry of the key, where the slot is, and the server in whose incarnation it was stored. */
  readonly entry: { readonly stamp: Server; readonly version: number } | null;
  /** The version that server 0 holds after it has failed over. */
  readonly left: number | null;
  readonly readerMap: SlotMap;
  readonly loading: Copy | null;
  readonly copy: Copy | null;
  readonly channels: readonly [Channel, Channel, Channel];
}

export interface ShardOptions {
  readonly workers: number;
  readonly events: readonly Event[];
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
    | 'an order of maps'
    | 'waiting for the replay';
}

export function shardModel({ workers, events, messages, without }: ShardOptions): Model<State> {
  const layouts = layoutsOf(events);
  const layout = (map: SlotMap): Layout => layouts[map] as Layout;
  const ownerIn = (map: SlotMap): Server => layout(map).owner;
  const serversIn = (map: SlotMap): readonly Server[] => [layout(map).first, 1];
  const channel: Channel = { messages: [], isSound: true, trusted: 0, hasSlot: true };
  return {
    initial: {
      map: 0,
      committed: 0,
      appliedTo: null,
      registered: 0,
      settled: [0, 1],
      isReplaying: false,
      workers: Array.from({ length: workers }, () => ({ map: 0, done: null, look: null })),
      entry: { stamp: 0, version: 0 },
      left: null,
      readerMap: 0,
      loading: null,
      copy: { server: 0, version: 0 },
      channels: [channel, channel, channel],
    },
    codec: numberedStates(),
    steps(state, visit) {
      if (state.committed === 0) visit({ ...state, committed: 1 }, () => 'Postgres commits version 1');
      const event = events[state.map];
      if (event !== undefined) visit(after(event, state), () => event);
      for (const index of state.workers.keys()) workerSteps(state, index, visit);
      readerSteps(state, visit);
      for (const server of servers) channelSteps(state, server, visit);
    },
    violation(state) {
      const { copy, channels, readerMap } = state;
      const isOld = (server: Server, version: number) => version < channels[server].trusted;
      if (copy !== null && channels[copy.server].isSound && isOld(copy.server, copy.version))
        return `Rule 3 is broken: the near cache serves version ${copy.version}, and trusts server ${copy.server}.`;
      const asked = ownerIn(readerMap);
      // In the map of the worker, another server may have the slot. Then the key is not read from Redis.
      if (!channels[asked].hasSlot) return undefined;
      const version = liveOn(state, asked);
      return version !== undefined && isOld(asked, version)
        ? `Rule 3 is broken: server ${asked} serves version ${version}, and is trusted.`
        : undefined;
    },
  };

  function after(event: Event, state: State): State {
    const next = { ...state, map: state.map + 1 };
    return event === 'the slot moves' ? next : { ...next, left: liveOn(state, 0) ?? null };
  }

  /** Whether the server answers for the slot: it has it, or has failed over with it and does not know that. */
  function hasSlot(state: State, server: Server): boolean {
    const hadSlot = server === 0 && layout(state.map).first === 2 && layout(state.map).won[2] >= 0;
    return ownerIn(state.map) === server || hadSlot;
  }

  /** The version that a reader would get from the server. An entry of another incarnation counts as absent. */
  function liveOn(state: State, server: Server): number | undefined {
    if (ownerIn(state.map) !== server) return hasSlot(state, server) ? (state.left ?? undefined) : undefined;
    return state.entry?.stamp === server ? state.entry.version : undefined;
  }

  function withEntry(state: State, server: Server, version: number | null): State {
    if (ownerIn(state.map) !== server) return { ...state, left: version };
    return { ...state, entry: version === null ? null : { stamp: server, version } };
  }

  /** Which slots a server has in a map, as `ClusterShard.view` names them. */
  function view(server: Server, map: SlotMap): string {
    if (!serversIn(map).includes(server)) return 'gone';
    const owns = ownerIn(map) === server;
    return without === 'epochs in views' ? String(owns) : `${owns} ${layout(map).won[server]}`;
  }

  function workerSteps(state: State, index: number, visit: VisitStep<State>): void {
    const worker = state.workers[index] as Worker;
    const name = `worker ${index + 1}`;
    const become = (changed: Partial<Worker>, from = state): State => ({
      ...from,
      workers: from.workers.with(index, { ...worker, ...changed }),
    });
    if (worker.map < state.map) visit(become({ map: state.map }), () => `${name} learns the map`);
    const mayRegister = without === 'an order of maps' || worker.map > state.registered;
    if (mayRegister && worker.map !== state.registered)
      visit(registeredBy(state, worker.map), () => `${name} registers map ${worker.map}`);
    // A worker with a newer map registers the map first. With an older map it may acknowledge: the server had the slot when the
    // worker invalidated the key there.
    const mayAcknowledge = without === 'a registered map' || worker.map <= state.registered;
    const isRegistered = (server: Server) => serversIn(state.registered).includes(server);
    const { appliedTo, registered, committed } = state;
    const isLeft = appliedTo !== null && !isRegistered(appliedTo);
    const server = ownerIn(worker.map);
    const mayReplay = isLeft && mayAcknowledge && isRegistered(server);
    if (state.channels[server].messages.length < messages) {
      if (committed === 1 && worker.done === null) {
        const applied = invalidatedOn(state, server);
        if (applied === undefined)
          visit(
            announcedOn(state, server),
            () => `${name} is redirected by server ${server}, where it has announced version 1`,
          );
        else
          visit(
            become({ done: server }, applied),
            () => `${name} invalidates and announces version 1 on server ${server}`,
          );
      }
      const replayed = mayReplay ? invalidatedOn(state, server) : undefined;
      if (replayed !== undefined)
        visit({ ...replayed, appliedTo: server }, () => `${name} replays version 1 to server ${server}`);
    }
    if (worker.done !== null && appliedTo === null) {
      if (mayAcknowledge && isRegistered(worker.done))
        visit({ ...state, appliedTo: worker.done }, () => `${name} acknowledges version 1`);
      else visit(become({ done: null }), () => `${name} is refused, and takes version 1 again`);
    }
    if (worker.map === registered)
      for (const each of serversIn(registered))
        if (!state.settled.includes(each) && !(isLeft && server === each))
          visit(settledFor(state, each, isLeft), () => `${name} has nothing to replay to server ${each}`);
    const look = { isApplied: appliedTo !== null, registered, settled: state.settled };
    visit(become({ look }), () => `${name} looks: version 1 is ${look.isApplied ? '' : 'not '}applied`);
    heartbeatSteps(state, worker, name, visit);
  }

  function announcedOn(state: State, server: Server): State {
    return send(state, server, { invalidates: state.committed });
  }

  /** @returns undefined if the server redirects the worker */
  function invalidatedOn(state: State, server: Server): State | undefined {
    if (!hasSlot(state, server)) return undefined;
    const isLive = (liveOn(state, server) ?? -1) >= state.committed;
    return announcedOn(isLive ? state : withEntry(state, server, null), server);
  }

  function heartbeatSteps(state: State, { map, look }: Worker, name: string, visit: VisitStep<State>): void {
    if (look === null) return;
    for (const each of serversIn(map)) {
      if (state.channels[each].messages.length === messages) continue;
      const isPhase = view(each, look.registered) === view(each, map);
      const isSettled = look.settled.includes(each) || without === 'waiting for the replay';
      if (!(isPhase && isSettled) && without !== 'a registered map') continue;
      const owns = ownerIn(map) === each;
      const heartbeat = {
        slots: view(each, map),
        hasSlot: owns,
        applied: Number(look.isApplied),
        isLate: false,
      };
      visit(send(state, each, heartbeat), () => `${name} sends a heartbeat to server ${each}`);
    }
  }

  /** As in `register.sql`. */
  function registeredBy(state: State, map: SlotMap): State {
    const [before, now] = [serversIn(state.registered), serversIn(map)];
    const isSame = before.every((server) => now.includes(server));
    const keepsPhase = (server: Server) => view(server, state.registered) === view(server, map);
    const settled = now.filter(
      (server) =>
        (state.settled.includes(server) && keepsPhase(server)) ||
        (before.includes(server) && isSame && !state.isReplaying),
    );
    return { ...state, registered: map, settled, isReplaying: state.isReplaying || !isSame };
  }

  function settledFor(state: State, server: Server, isLeft: boolean): State {
    const settled = [...state.settled, server].toSorted((a, b) => a - b);
    const isOver = !isLeft && settled.length === serversIn(state.registered).length;
    return { ...state, settled, isReplaying: state.isReplaying && !isOver };
  }

  function readerSteps(state: State, visit: VisitStep<State>): void {
    const { readerMap, map, loading, committed } = state;
    const asked = ownerIn(readerMap);
    if (readerMap < map) {
      const learned = { ...state, readerMap: map };
      const changed = servers.filter((server) => isSilenced(server, readerMap, map));
      visit(changed.reduce(silence, learned), () => 'the reader learns the map');
    }
    if (loading === null) {
      const read = { ...state, loading: { server: asked, version: committed } };
      visit(read, () => `the reader reads version ${committed} from Postgres, past server ${asked}`);
      // A fill is refused by a server without the slot.
      if (hasSlot(state, asked))
        visit(withEntry(read, asked, committed), () => `the reader fills server ${asked}`);
    } else {
      const isKept = state.channels[loading.server].isSound;
      visit(
        { ...state, loading: null, copy: isKept ? loading : state.copy },
        () => 'the reader keeps its copy',
      );
    }
  }

  function isSilenced(server: Server, before: SlotMap, now: SlotMap): boolean {
    if (without === 'silence when slots change') return false;
    if (without === 'silence unless slots are lost')
      return ownerIn(before) === server && ownerIn(now) !== server;
    return view(server, before) !== view(server, now);
  }

  function channelSteps(state: State, server: Server, visit: VisitStep<State>): void {
    const [message, ...rest] = state.channels[server].messages;
    visit(
      withChannel(silence(state, server), server, { messages: [] }),
      () => `the reader loses channel ${server}`,
    );
    if (message === undefined) return;
    const received = withChannel(state, server, { messages: rest });
    if ('invalidates' in message) {
      const keeps = (kept: Copy | null) =>
        kept !== null && kept.version >= message.invalidates ? kept : null;
      const next = { ...received, copy: keeps(state.copy), loading: keeps(state.loading) };
      visit(next, () => `the reader hears on channel ${server} that version 1 invalidates`);
      return;
    }
    const isSame = without === 'slots in heartbeats' || message.slots === view(server, state.readerMap);
    const keepsCopies = isSame || without === 'silence when a heartbeat has other slots';
    const { trusted, isSound } = state.channels[server];
    const heard = {
      trusted: Math.max(trusted, message.applied),
      hasSlot: message.hasSlot || without === 'slots in heartbeats',
    };
    visit(
      isSame
        ? withChannel(received, server, { ...heard, isSound: isSound || !message.isLate })
        : withChannel(keepsCopies ? received : silence(received, server), server, heard),
      () => `a heartbeat of server ${server} ${isSame ? 'counts' : 'counts for Redis'}`,
    );
  }
}

function layoutsOf(events: readonly Event[]): readonly Layout[] {
  let layout: Layout = { first: 0, owner: 0, won: [0, -1, -1] };
  const layouts = [layout];
  for (const [index, event] of events.entries()) {
    const { first, owner, won } = layout;
    if (event === 'the slot moves') {
      const to = owner === 1 ? first : 1;
      layout = { first, owner: to, won: won.with(to, index + 1) as unknown as Layout['won'] };
    } else
      layout = {
        first: 2,
        owner: owner === 0 ? 2 : owner,
        won: [won[0], won[1], owner === 0 ? index + 1 : -1],
      };
    layouts.push(layout);
  }
  return layouts;
}

function send(state: State, server: Server, message: Message): State {
  return withChannel(state, server, { messages: [...state.channels[server].messages, message] });
}

/** What the reader keeps of a server counts no more, until it hears a heartbeat that is sent later. */
function silence(state: State, server: Server): State {
  const drop = (kept: Copy | null) => (kept?.server === server ? null : kept);
  const messages = state.channels[server].messages.map((message) =>
    'slots' in message ? { ...message, isLate: true } : message,
  );
  const silent = withChannel(state, server, { messages, isSound: false });
  return { ...silent, copy: drop(state.copy), loading: drop(state.loading) };
}

function withChannel(state: State, server: Server, changed: Partial<Channel>): State {
  const channel = { ...state.channels[server], ...changed };
  return { ...state, channels: state.channels.with(server, channel) as unknown as State['channels'] };
}
