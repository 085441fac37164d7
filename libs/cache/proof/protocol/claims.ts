import { UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { invalidationKeepsLease, leaseWithoutFloors, plainCacheAside, setIfNewer } from './controls.ts';
import type { EntryModelOptions } from './entry-model.ts';
import { transition } from './entry-protocol.ts';
import type { Row } from './entry-table.ts';

export interface EntryClaim {
  readonly name: string;
  readonly options: EntryModelOptions;
  /** `npm test` stops a long search at this number of states; `npm run prove` searches all of them. */
  readonly testedStates?: number;
  /** Only `npm run prove` searches it. */
  readonly onlyInProve?: true;
}

const value = (version: number): Row => ({ state: 'V', version, invalidates: version });
const tombstone = (version: number): Row => ({ state: 'M', version, invalidates: version });
const updatedTwice = [value(1), value(2), value(3)];
const histories = [
  ['updated twice', updatedTwice],
  ['deleted and inserted again', [value(1), tombstone(2), value(3)]],
  ['inserted and deleted', [tombstone(0), value(1), tombstone(2)]],
] as const;

const threeReaders = [0, 0, 0];
const acrossProcesses = { transition, readers: threeReaders, order: 'across-processes' } as const;
const perProcess = { transition, order: 'per-process', remembersServed: true, withFaults: true } as const;

/** These hold in every state that any order of events can reach. */
export const claims: readonly EntryClaim[] = [
  ...histories.flatMap(([name, history]): EntryClaim[] => [
    {
      name: `a row ${name}: three readers, order across processes`,
      options: { ...acrossProcesses, history },
    },
    {
      name: `a row ${name}: two readers of one process, with faults`,
      options: { ...perProcess, history, readers: [0, 0] },
    },
    {
      name: `a row ${name}: three readers of two processes, with faults`,
      options: { ...perProcess, history, readers: [0, 0, 1] },
      testedStates: 100_000,
    },
  ]),
  {
    name: 'a row updated twice: three readers of one process, with faults',
    options: { ...perProcess, history: updatedTwice, readers: threeReaders },
  },
  {
    name: 'an entry without an order of versions, as by SKU: three readers, only rule 2',
    options: {
      ...acrossProcesses,
      history: [0, 1, 2].map(() => ({ state: 'V', version: 0, invalidates: UNCONDITIONAL_VERSION })),
      onlyRule2: true,
    },
  },
  {
    name: 'a row deleted, inserted again and updated: four readers, order across processes',
    options: {
      ...acrossProcesses,
      history: [value(1), tombstone(2), value(3), value(4)],
      readers: [0, 0, 0, 0],
    },
    onlyInProve: true,
  },
];

/** Plausible alternatives. Each breaks a rule. */
export const controls: readonly EntryClaim[] = [
  {
    name: 'plain cache-aside',
    options: { ...acrossProcesses, history: updatedTwice, transition: plainCacheAside },
  },
  {
    name: 'set if newer, with tombstones in Redis',
    options: { ...acrossProcesses, history: updatedTwice, transition: setIfNewer },
  },
  {
    name: 'a lease without floors',
    options: { ...acrossProcesses, history: updatedTwice, transition: leaseWithoutFloors },
  },
  {
    name: 'deleted rows without versions',
    options: {
      ...acrossProcesses,
      history: [value(1), { ...tombstone(0), invalidates: 2 }, value(3)],
    },
  },
  {
    name: 'an invalidation that keeps the lease',
    options: { ...acrossProcesses, history: updatedTwice, transition: invalidationKeepsLease },
  },
  {
    name: 'floor and lease in two keys',
    options: { ...acrossProcesses, history: updatedTwice, floorMayBeLost: true },
  },
  {
    name: 'a process that does not remember which versions it has served',
    options: { ...perProcess, history: updatedTwice, readers: [0, 0], remembersServed: false },
  },
  {
    name: 'the scripts without that memory, across processes, when fills may be lost',
    options: { ...acrossProcesses, history: updatedTwice, readers: [0, 0], withFaults: true },
  },
];
