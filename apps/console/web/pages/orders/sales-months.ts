import { monthNames } from '../../elements/values.tsx';

export interface Report {
  readonly data: readonly {
    readonly month: string;
    readonly currency: string;
    readonly revenueMinor: number;
    readonly orders: number;
  }[];
}

export interface MonthOfSales {
  /** Such as 2026-11. */
  readonly month: string;
  readonly revenueMinor: number;
  readonly orders: number;
}

/** The twelve months that end with this one, also those without sales. */
export function salesOf(report: Report, currency: string, now: Date): MonthOfSales[] {
  return Array.from({ length: 12 }, (_, index) => {
    const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 11 + index, 1));
    const month = first.toISOString().slice(0, 7);
    const found = report.data.find((one) => one.month === month && one.currency === currency);
    return { month, revenueMinor: found?.revenueMinor ?? 0, orders: found?.orders ?? 0 };
  });
}

export const monthName = (month: string): string =>
  `${monthNames[Number(month.slice(5)) - 1]} ${month.slice(0, 4)}`;
