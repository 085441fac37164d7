import { expect, test } from 'vitest';
import { anonymousCaller } from '../auth/verify.ts';
import { callerKeyOf } from './limit-rate.ts';

const scopes = new Set<string>();

test('all subjects that one key names share one limit, from any address', () => {
  const keys = ['orders:0', 'orders:1', 'anonymous'].map((subject, index) =>
    callerKeyOf({ subject, owner: 'orders', scopes, until_ms: 1 }, `192.0.2.${index}`),
  );
  expect(keys).toEqual(['caller:orders', 'caller:orders', 'caller:orders']);
});

test('without a token, the addresses of one IPv6 /64 share one limit', () => {
  const keyOf = (address: string) => callerKeyOf({ ...anonymousCaller, scopes }, address);
  expect(keyOf('2001:db8:1:2::7')).toBe(keyOf('2001:db8:1:2:ffff::9'));
  expect(keyOf('2001:db8:1:2::7')).not.toBe(keyOf('2001:db8:1:3::7'));
  expect(callerKeyOf(undefined, '2001:db8:1:2::7')).toBe(keyOf('2001:db8:1:2::7'));
});
