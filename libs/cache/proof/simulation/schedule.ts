import fc from 'fast-check';
import { vi } from 'vitest';
import type { World } from './world.ts';

/** One event of a schedule, with its line in the story. */
export interface Action {
  readonly description: string;
  run(world: World): void;
}

/** Each schedule draws its faults once. Most have few, so that they make progress. */
const faults = [
  'time',
  'eviction',
  'lost message',
  'channel',
  'commands',
  'failover',
  'promotion',
  'redis',
  'postgres',
  'set-back',
  'standby',
  'lag',
  'refusal',
] as const;
type Fault = (typeof faults)[number];

interface PossibleAction {
  readonly weight: number;
  readonly action: fc.Arbitrary<Action>;
  readonly fault?: Fault;
}

function possible<T>(
  weight: number,
  arbitrary: fc.Arbitrary<T>,
  describe: (value: T) => string,
  run: (world: World, value: T) => void,
  fault?: Fault,
): PossibleAction {
  const action = arbitrary.map((value) => ({
    description: describe(value),
    run: (world: World) => run(world, value),
  }));
  return fault === undefined ? { weight, action } : { weight, action, fault };
}

const none = fc.constant(undefined);
const key = fc.constantFrom('a', 'a', 'a', 'a', 'b', 'c');
const processIndex = fc.constantFrom(0, 0, 1);
const seldom = fc.integer({ min: 0, max: 6 }).map((n) => n === 0);
const nth = fc.nat(20);
const pass = (ms: number) => {
  vi.advanceTimersByTime(ms);
};

export function hearHeartbeat(world: World, process: number): void {
  world.processes[process]?.ping();
  world.heartbeat();
  world.processes[process]?.receive(20);
}

export function lagPastBound(world: World): void {
  world.holdUpFeed();
  passWithHeartbeats(world);
}

/** Longer than the bound, with more heartbeats than a near cache needs to stay sound. */
export function passWithHeartbeats(world: World): void {
  for (let round = 0; round < 4; round++) {
    pass(600);
    for (const process of world.processes.keys()) hearHeartbeat(world, process);
  }
}

/** The weights make most events useful work, and let most calls in flight continue. */
const possibleActions: readonly PossibleAction[] = [
  possible(
    14,
    fc.record({
      process: processIndex,
      key,
      client: fc.constantFrom('any', 'any', 'any', 'monotonic', 'writer'),
    }),
    ({ process, key, client }) => `a client (${client}) reads ${key} from process ${process}`,
    (world, { process, key, client }) => world.read(process, key, client),
  ),
  possible(
    2,
    processIndex,
    (process) => `process ${process} admits a primary read of a`,
    (world, process) => void world.admitPrimaryRead(process).catch(() => undefined),
  ),
  possible(
    24,
    nth,
    (n) => `call ${n} continues`,
    (world, n) => world.release(n),
  ),
  possible(
    8,
    fc.integer({ min: 1, max: 4 }),
    (n) => `all calls continue, ${n} times`,
    (world, n) => world.continueAll(n),
  ),
  possible(
    7,
    fc.record({ key, isDelete: seldom }),
    ({ key, isDelete }) => `${key} is ${isDelete ? 'deleted' : 'written'} in Postgres`,
    (world, { key, isDelete }) => world.commit(key, isDelete),
  ),
  possible(
    6,
    fc.record({ nth, again: seldom }),
    ({ nth, again }) => `the worker applies ${again ? 'again any change' : 'a waiting change'} (${nth})`,
    (world, { nth, again }) => world.apply(nth, again),
  ),
  possible(
    6,
    seldom,
    (fails) => `the worker ${fails ? 'fails to publish' : 'publishes'} its invalidations`,
    (world, fails) => world.publishInvalidations(fails),
  ),
  possible(
    5,
    none,
    () => 'the worker applies and publishes all changes',
    (world) => world.catchUp(),
  ),
  possible(
    6,
    none,
    () => 'the worker sends a heartbeat',
    (world) => world.heartbeat(),
  ),
  possible(
    10,
    fc.record({ process: processIndex, count: fc.integer({ min: 1, max: 6 }) }),
    ({ process, count }) => `process ${process} receives up to ${count} messages`,
    (world, { process, count }) => world.processes[process]?.receive(count),
  ),
  possible(
    4,
    processIndex,
    (process) => `process ${process} pings`,
    (world, process) => world.processes[process]?.ping(),
  ),
  possible(
    9,
    processIndex,
    (process) => `process ${process} pings and receives a newer heartbeat`,
    hearHeartbeat,
  ),
  possible(
    5,
    fc.constantFrom(1, 10, 30, 100, 260, 600, 900),
    (ms) => `${ms} ms pass`,
    (_world, ms) => pass(ms),
  ),
  possible(
    1,
    fc.constantFrom(1_100, 1_900, 2_100, 3_100),
    (ms) => `${ms} ms pass`,
    (_world, ms) => pass(ms),
  ),
  possible(
    2,
    fc.constantFrom(58_000, 3_300_000, 3_700_000),
    (ms) => `${ms / 60_000} minutes pass`,
    (_world, ms) => pass(ms),
    'time',
  ),
  possible(
    2,
    key,
    (key) => `${key} is evicted`,
    (world, key) => world.redis.drop(`thing:${key}`),
    'eviction',
  ),
  possible(
    2,
    processIndex,
    (process) => `a message to process ${process} is lost`,
    (world, process) => world.processes[process]?.loseMessage(),
    'lost message',
  ),
  possible(
    2,
    processIndex,
    (process) => `the channel of process ${process} is cut`,
    (world, process) => world.processes[process]?.cutChannel(),
    'channel',
  ),
  possible(
    2,
    processIndex,
    (process) => `process ${process} loses its command connection`,
    (world, process) => world.processes[process]?.cutCommands(),
    'commands',
  ),
  possible(
    2,
    none,
    () => 'a replica copies Redis',
    (world) => world.copyToReplica(),
    'failover',
  ),
  possible(
    2,
    none,
    () => 'Redis fails over to the replica',
    (world) => world.beginIncarnation(false),
    'failover',
  ),
  possible(
    2,
    none,
    () => 'Redis begins another incarnation, and all connections stay open',
    (world) => world.beginIncarnation(true),
    'promotion',
  ),
  possible(
    2,
    fc.boolean(),
    (isUp) => `Redis is ${isUp ? 'up' : 'down'}`,
    (world, isUp) => world.setRedis(isUp),
    'redis',
  ),
  possible(
    2,
    fc.boolean(),
    (isUp) => `Postgres is ${isUp ? 'up' : 'down'}`,
    (world, isUp) => world.setPrimary(isUp),
    'postgres',
  ),
  possible(3, none, () => 'a change is held up past the bound, and heartbeats go on', lagPastBound, 'lag'),
  possible(
    5,
    processIndex,
    (process) => `no change is held up any more, and process ${process} hears of it`,
    (world, process) => {
      world.releaseFeed();
      hearHeartbeat(world, process);
    },
    'lag',
  ),
  possible(
    4,
    fc.integer({ min: 1, max: 2 }),
    (failures) => `the next ${failures} queries fail`,
    (world, failures) => void (world.primary.failures = failures),
    'lag',
  ),
  possible(
    3,
    fc.record({ key, isRefused: fc.boolean() }),
    ({ key, isRefused }) => `Redis ${isRefused ? 'refuses' : 'allows'} to invalidate ${key}`,
    (world, { key, isRefused }) => world.setRefused(key, isRefused),
    'refusal',
  ),
  possible(
    2,
    none,
    () => 'the worker tries again the keys that are set aside',
    (world) => world.retrySetAside(),
    'refusal',
  ),
  possible(
    2,
    fc.integer({ min: 0, max: 3 }),
    (commits) => `Postgres goes back by ${commits} commits`,
    (world, commits) => world.goBack(commits),
    'set-back',
  ),
  possible(
    3,
    processIndex,
    (process) => `a new session of process ${process} finds which incarnation Postgres is in`,
    (world, process) => world.processes[process]?.noteDatabase(),
    'set-back',
  ),
  possible(
    2,
    fc.record({ process: processIndex, isOnStandby: fc.boolean() }),
    ({ process, isOnStandby }) =>
      `the sessions of process ${process} lead to ${isOnStandby ? 'a lagging standby' : 'the primary'}`,
    (world, { process, isOnStandby }) => {
      const simulated = world.processes[process];
      if (simulated !== undefined) simulated.isOnStandby = isOnStandby;
    },
    'standby',
  ),
  possible(
    4,
    none,
    () => 'all processes connect, subscribe and learn the incarnation',
    (world) => world.reconnect(),
  ),
  possible(
    1,
    processIndex,
    (process) => `process ${process} subscribes`,
    (world, process) => world.processes[process]?.subscribe(),
  ),
  possible(
    1,
    processIndex,
    (process) => `process ${process} learns the incarnation`,
    (world, process) => world.processes[process]?.learn(),
  ),
  possible(
    1,
    none,
    () => 'the worker learns the incarnation',
    (world) => world.workerLearns(),
  ),
];

export interface Schedule {
  /** All events concern one key and one reading process. */
  readonly isNarrow: boolean;
  readonly faults: readonly Fault[];
  readonly actions: readonly (Action & { readonly fault?: Fault })[];
}

export function schedules(length: number): fc.Arbitrary<Schedule> {
  const action = fc.oneof(
    ...possibleActions.map(({ weight, action, fault }) => ({
      weight,
      arbitrary: fault === undefined ? action : action.map((one) => ({ ...one, fault })),
    })),
  );
  return fc.record({
    isNarrow: fc.boolean(),
    faults: fc.subarray([...faults], { maxLength: 4 }),
    actions: fc.array(action, { maxLength: length, size: 'max' }),
  });
}
