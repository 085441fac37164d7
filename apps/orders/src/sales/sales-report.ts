import { farthestSource, type Source } from '@catalog/cache';
import type { SalesMonth } from '@catalog/contracts';
import type { SalesCache } from './sales-cache.ts';

export interface SalesReport {
  readonly rows: readonly { month: string; currency: string; revenueMinor: number | null; orders: number }[];
  /** The source of the month that was farthest away. */
  readonly source: Source;
  readonly age_ms: number;
}

/** The months that no cache has are read from Postgres with one query. */
export async function readSalesReport(
  { months }: Pick<SalesCache, 'months'>,
  wanted: readonly string[],
): Promise<SalesReport> {
  const answers = await months.getMany(wanted);
  return {
    rows: answers.flatMap(({ value }) => (value === null ? [] : rowsOf(value))),
    source: farthestSource(answers),
    age_ms: Math.max(0, ...answers.map(({ age_ms }) => age_ms)),
  };
}

function rowsOf({ month, sales }: SalesMonth): SalesReport['rows'] {
  return sales.map((sale) => ({ month, ...sale }));
}

/** Includes both months. */
export function monthsBetween(from: string, to: string): string[] {
  const months: string[] = [];
  for (let at = indexOf(from); at <= indexOf(to); at++) {
    months.push(`${Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, '0')}`);
  }
  return months;
}

export function monthOf(time_ms: number): string {
  return new Date(time_ms).toISOString().slice(0, 7);
}

function indexOf(month: string): number {
  const [year = '', ofYear = ''] = month.split('-');
  return Number(year) * 12 + Number(ofYear) - 1;
}
