import { type ShardOptions, shardModel } from './shard-model.ts';

export interface ShardClaim {
  readonly name: string;
  /** `npm test` stops the search at this number of states; `npm run prove` searches all of them. */
  readonly testedStates?: number;
  readonly options: ShardOptions;
}

const moves = 'the slot moves';
const failsOver = 'server 0 fails over';
const oneWorker = { workers: 1, events: [moves, moves], messages: 1 } as const;
const twoWorkers = { workers: 2, events: [moves], messages: 1 } as const;
const failover = { workers: 1, events: [failsOver, moves], messages: 1 } as const;

/** These hold in every state that any order of events can reach. */
export const claims: readonly ShardClaim[] = [
  { name: 'a slot that moves and comes back: one worker', options: oneWorker },
  {
    name: 'a slot that moves: two workers with maps of their own',
    options: twoWorkers,
    testedStates: 100_000,
  },
  {
    name: 'a server that fails over and gives its slot away, and still answers a worker that does not know it',
    options: failover,
    testedStates: 100_000,
  },
];

/** Plausible alternatives. Each breaks rule 3. */
export const controls: readonly ShardClaim[] = [
  { name: 'heartbeats without slots', options: { ...oneWorker, without: 'slots in heartbeats' } },
  {
    name: 'a reader that keeps its copies when a heartbeat has other slots',
    options: { ...oneWorker, without: 'silence when a heartbeat has other slots' },
  },
  { name: 'views without epochs', options: { ...oneWorker, without: 'epochs in views' } },
  {
    name: 'a reader that keeps the copies of moved slots',
    options: { ...oneWorker, without: 'silence when slots change' },
  },
  {
    name: 'a reader that keeps the copies of a shard whose slots are there again',
    options: { ...oneWorker, without: 'silence unless slots are lost' },
  },
  { name: 'workers that register an older map', options: { ...twoWorkers, without: 'an order of maps' } },
  { name: 'workers that register no map', options: { ...twoWorkers, without: 'a registered map' } },
  {
    name: 'heartbeats to a new server before the replay',
    options: { ...failover, without: 'waiting for the replay' },
  },
];

export const withModel = ({ name, options }: ShardClaim) => ({
  name,
  createModel: () => shardModel(options),
});
