import type { Claim } from '@catalog/testing/model-search';
import {
  accountingModel,
  APPLIED_BUT_NOT_KNOWN,
  NEVER_APPLIED,
  TRUSTED_TOO_EARLY,
  type AccountingOptions,
} from './accounting-model.ts';
import {
  changeSlotModel,
  type ChangeSlotOptions,
  COUNTED_TOO_EARLY,
  IN_NO_SOURCE,
} from './change-slot-model.ts';
import { doorbellModel, type DoorbellOptions, NO_WRITER_HAS_RUNG } from './doorbell-model.ts';
import { horizonModel, type HorizonOptions, NEVER_CLAIMED } from './horizon-model.ts';

/** The tests check that the search is not trivially small. */
interface FeedClaim extends Claim {
  readonly moreStatesThan: number;
}

/** A control with the rule that it breaks. */
interface Control extends Claim {
  readonly breaks: string;
}

const none = { crash: 0, lostQueue: 0, duplicateJob: 0, newIncarnation: 0 };

export const claims: readonly FeedClaim[] = [
  accounting(2, { crash: 1, lostQueue: 1, duplicateJob: 1, newIncarnation: 0 }),
  accounting(2, { ...none, crash: 1, newIncarnation: 1 }),
  accounting(2, { ...none, newIncarnation: 2 }),
  accounting(1, { ...none, crash: 1, newIncarnation: 3 }),
  accounting(3, { ...none, crash: 1 }),
  doorbell({ writers: 3, relays: 1 }),
  doorbell({ writers: 3, relays: 2 }),
  horizon({ transactions: 4, crashes: 2 }),
  changeSlot({ transactions: 2, switches: 2, losses: 2, crashes: 1 }),
  changeSlot({ transactions: 3, switches: 1, losses: 1, crashes: 1 }),
];

export const controls: readonly Control[] = [
  accountingControl(
    'a relay that claims by a cursor over the numbers',
    'claims by state',
    none,
    NEVER_APPLIED,
  ),
  accountingControl(
    'a job that acknowledges before it invalidates',
    'invalidating first',
    none,
    APPLIED_BUT_NOT_KNOWN,
  ),
  accountingControl(
    'acknowledgements without the incarnation',
    'the incarnation in acknowledgements',
    { ...none, newIncarnation: 1 },
    NEVER_APPLIED,
  ),
  accountingControl(
    'a new incarnation without a replay',
    'the replay',
    { ...none, newIncarnation: 1 },
    NEVER_APPLIED,
  ),
  accountingControl(
    'heartbeats before the replay',
    'waiting for the replay',
    { ...none, newIncarnation: 1 },
    TRUSTED_TOO_EARLY,
  ),
  accountingControl(
    'a pass that counts after another registration',
    'another pass after a registration',
    { ...none, newIncarnation: 3 },
    TRUSTED_TOO_EARLY,
    1,
  ),
  accountingControl(
    'a relay that claims no change again',
    'dispatching again',
    { ...none, crash: 1 },
    NEVER_APPLIED,
  ),
  doorbellControl('a relay that sleeps without asking for open transactions', 'asking who writes'),
  doorbellControl('a relay that sleeps before its lock is released', 'waiting for the release'),
  doorbellControl('a relay that looks before it asks for open transactions', 'asking before the look'),
  doorbellControl('writers that never ring', 'ringing'),
  horizonControl('a horizon that passes open transactions', 'late transactions'),
  horizonControl('a horizon that passes unapplied changes', 'unapplied changes'),
  horizonControl('a horizon that holds after a crash of Postgres', 'the epoch'),
  changeSlotControl(
    'triggers that write to a slot before it exists',
    'creating the slot first',
    IN_NO_SOURCE,
  ),
  changeSlotControl(
    'a slot that is deleted while old transactions run',
    'waiting for old transactions',
    IN_NO_SOURCE,
  ),
  changeSlotControl(
    'a confirmation of what is not on the disk',
    'the flush before a confirmation',
    IN_NO_SOURCE,
  ),
  changeSlotControl(
    'a purge before the slot is there again',
    'creating the slot before the purge',
    IN_NO_SOURCE,
  ),
  changeSlotControl('a lost slot without a purge', 'the purge', IN_NO_SOURCE),
  changeSlotControl('looks that do not wait for the slot', 'milestones', COUNTED_TOO_EARLY),
  changeSlotControl(
    'looks that count landings that a crash has undone',
    'noticing a position that went back',
    COUNTED_TOO_EARLY,
  ),
];

function accounting(changes: number, faults: AccountingOptions['faults']): FeedClaim {
  const list = Object.entries(faults).flatMap(([fault, times]) => (times > 0 ? [`${fault} × ${times}`] : []));
  return {
    name: `no change of ${changes} is lost, with ${list.join(', ')}`,
    moreStatesThan: 1_000,
    createModel: () => accountingModel({ changes, faults }),
  };
}

function doorbell(options: DoorbellOptions): FeedClaim {
  const relays = options.relays === 1 ? 'one relay sleeps' : `${options.relays} relays sleep`;
  return {
    name: `no commit of ${options.writers} writers waits while ${relays}`,
    moreStatesThan: 500,
    createModel: () => doorbellModel(options),
  };
}

function horizon(options: HorizonOptions): FeedClaim {
  return {
    name: `no change of ${options.transactions} transactions hides before the horizon`,
    moreStatesThan: 1_000,
    createModel: () => horizonModel(options),
  };
}

function accountingControl(
  name: string,
  without: NonNullable<AccountingOptions['without']>,
  faults: AccountingOptions['faults'],
  breaks: string,
  changes = 2,
): Control {
  return { name, breaks, createModel: () => accountingModel({ changes, faults, without }) };
}

function doorbellControl(name: string, without: NonNullable<DoorbellOptions['without']>): Control {
  const createModel = () => doorbellModel({ writers: 3, relays: 1, without });
  return { name, breaks: NO_WRITER_HAS_RUNG, createModel };
}

function horizonControl(name: string, without: NonNullable<HorizonOptions['without']>): Control {
  const createModel = () => horizonModel({ transactions: 3, crashes: 1, without });
  return { name, breaks: NEVER_CLAIMED, createModel };
}

function changeSlot(options: ChangeSlotOptions): FeedClaim {
  const { transactions, switches, losses, crashes } = options;
  return {
    name: `no change of ${transactions} transactions is missed with a change slot: switches × ${switches}, losses × ${losses}, crashes × ${crashes}`,
    moreStatesThan: 1_000,
    createModel: () => changeSlotModel(options),
  };
}

function changeSlotControl(
  name: string,
  without: NonNullable<ChangeSlotOptions['without']>,
  breaks: string,
): Control {
  const createModel = () => changeSlotModel({ transactions: 2, switches: 2, losses: 1, crashes: 1, without });
  return { name, breaks, createModel };
}
