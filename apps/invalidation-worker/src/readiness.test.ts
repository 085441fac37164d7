import { expect, test } from 'vitest';
import { slotWarning } from './readiness.ts';

const outbox = {
  wanted: 'outbox',
  source: 'outbox',
  inUse: false,
  isLost: false,
  isHeld: false,
  walStatus: null,
} as const;
const slot = {
  wanted: 'slot',
  source: 'slot',
  inUse: true,
  isLost: false,
  isHeld: true,
  walStatus: 'reserved',
} as const;

test('a healthy source causes no warning', () => {
  expect([outbox, slot].map(slotWarning)).toEqual([undefined, undefined]);
});

test.each([
  ['was lost', { ...slot, isLost: true }],
  ['no worker reads the slot', { ...slot, isHeld: false }],
  ['about to delete', { ...slot, walStatus: 'unreserved' }],
  ['come from the outbox, although the slot is wanted', { ...outbox, wanted: 'slot' as const }],
  ['come from the slot, although the outbox is wanted', { ...slot, wanted: 'outbox' as const }],
])('a warning says: %s', (text, summary) => {
  expect(slotWarning(summary)).toContain(text);
});
