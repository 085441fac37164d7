import { UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { invalidationLeavesTheLease, leaseWithoutFloors, plainCacheAside, setIfNewer } from './controls.ts';
import { transition } from './entry-protocol.ts';
import type { Row } from './entry-table.ts';
import type { WalkOptions } from './walk.ts';

export interface Claim {
  readonly name: string;
  readonly options: WalkOptions;
  /** What `npm test` explores of a walk that takes longer than it can spend; `npm run prove` goes to the end. */
  readonly testedStates?: number;
  readonly onlyInFull?: true;
}

const value = (version: number): Row => ({ state: 'V', version, invalidates: version });
const absence = (version: number): Row => ({ state: 'M', version, invalidates: version });
const updated = [value(1), value(2), value(3)];
const histories = [
  ['updated twice', updated],
  ['deleted and inserted again', [value(1), absence(2), value(3)]],
  ['inserted and deleted', [absence(0), value(1), absence(2)]],
] as const;

const three = [0, 0, 0];
const overReaders = { transition, readers: three, rule: 'over-readers' } as const;
const perProcess = { transition, rule: 'per-process', guarded: true, livesAndLosses: true } as const;

/** What holds, in every state that can be reached. */
export const claims: readonly Claim[] = [
  ...histories.flatMap(([name, history]): Claim[] => [
    { name: `three readers, over all processes, of a row ${name}`, options: { ...overReaders, history } },
    {
      name: `two readers of one process, lives and losses, of a row ${name}`,
      options: { ...perProcess, history, readers: [0, 0] },
    },
    {
      name: `three readers of two processes, lives and losses, of a row ${name}`,
      options: { ...perProcess, history, readers: [0, 0, 1] },
      testedStates: 100_000,
    },
  ]),
  {
    name: 'three readers of one process, lives and losses, of a row updated twice',
    options: { ...perProcess, history: updated, readers: three },
  },
  {
    name: 'three readers of an entry without an order, as by SKU (rule 2)',
    options: {
      ...overReaders,
      history: [0, 1, 2].map(() => ({ state: 'V', version: 0, invalidates: UNCONDITIONAL_VERSION })),
      onlyRule2: true,
    },
  },
  {
    name: 'four readers, over all processes, of a row deleted, inserted again and updated',
    options: {
      ...overReaders,
      history: [value(1), absence(2), value(3), value(4)],
      readers: [0, 0, 0, 0],
    },
    onlyInFull: true,
  },
];

/** What does not hold, each refuted by the same walk. */
export const controls: readonly Claim[] = [
  { name: 'plain cache-aside', options: { ...overReaders, history: updated, transition: plainCacheAside } },
  {
    name: 'set if newer, with tombstones in Redis',
    options: { ...overReaders, history: updated, transition: setIfNewer },
  },
  {
    name: 'the lease without floors',
    options: { ...overReaders, history: updated, transition: leaseWithoutFloors },
  },
  {
    name: 'absence without versions',
    options: {
      ...overReaders,
      history: [value(1), { ...absence(0), invalidates: 2 }, value(3)],
    },
  },
  {
    name: 'an invalidation that leaves the lease standing',
    options: { ...overReaders, history: updated, transition: invalidationLeavesTheLease },
  },
  {
    name: 'floor and lease in two keys',
    options: { ...overReaders, history: updated, floorMayBeLost: true },
  },
  {
    name: 'a process that does not remember what it has served',
    options: { ...perProcess, history: updated, readers: [0, 0], guarded: false },
  },
  {
    name: 'the scripts alone, over all processes, where fills may be lost',
    options: { ...overReaders, history: updated, readers: [0, 0], livesAndLosses: true },
  },
];
