import { expect, test } from 'vitest';
import { monthName, salesOf } from './sales-months.ts';

const sale = (month: string, currency: string, revenueMinor: number) => ({
  month,
  currency,
  revenueMinor,
  orders: 1,
});

test('the last twelve months are there, also those without sales, in one currency', () => {
  const report = {
    data: [sale('2026-02', 'EUR', 500), sale('2026-02', 'USD', 900), sale('2025-04', 'EUR', 1)],
  };
  const months = salesOf(report, 'EUR', new Date('2026-03-31T23:30:00Z'));
  expect(months).toHaveLength(12);
  expect(months[0]).toEqual({ month: '2025-04', revenueMinor: 1, orders: 1 });
  expect(months.at(-2)).toEqual({ month: '2026-02', revenueMinor: 500, orders: 1 });
  expect(months.at(-1)).toEqual({ month: '2026-03', revenueMinor: 0, orders: 0 });
});

test('a month is named in words', () => expect(monthName('2026-01')).toBe('January 2026'));
