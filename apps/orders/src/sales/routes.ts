import type { Source } from '@catalog/cache';
import { CatalogError, monthSchema } from '@catalog/contracts';
import { parse, type Clock } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
import type { Guards } from '../http/guards.ts';
import type { SalesCache } from './sales-cache.ts';
import { monthOf, monthsBetween, readSalesReport } from './sales-report.ts';

const maxMonths = 120;
/** A day counts as its month. */
const monthOrDay = z
  .union([monthSchema, z.iso.date()], { error: 'must be a month such as 2026-11, or a day' })
  .transform((value) => value.slice(0, 7));

/** Both months included; the last twelve unless said otherwise. */
export const reportQuery = z.strictObject({ from: monthOrDay.optional(), to: monthOrDay.optional() });

/** RFC 9211, as catalog-read says it. */
const cacheStatus: Record<Source, string> = {
  near: 'orders; hit; detail=near',
  redis: 'orders; hit; detail=redis',
  stored: 'orders; fwd=miss; stored',
  bypass: 'orders; fwd=bypass',
  stale: 'orders; hit; detail=stale',
};

export function reportRoutes(
  app: Express,
  { sales, clock, guards }: { sales: Pick<SalesCache, 'months'>; clock: Clock; guards: Guards },
): void {
  app.get('/v1/reports/sales', guards.mayRead, async (req, res) => {
    const { to = monthOf(clock.now()), from = yearBefore(to) } = parse(reportQuery, req.query, 'query');
    const months = monthsBetween(from, to);
    if (months.length === 0 || months.length > maxMonths) {
      const message =
        months.length === 0 ? 'must not be after "to"' : `must be at most ${maxMonths} months before "to"`;
      throw new CatalogError('invalid_request', `from ${message}.`, {
        errors: [{ parameter: 'from', code: 'invalid_range', message }],
      });
    }
    const { rows, source, age_ms } = await readSalesReport(sales, months);
    res
      .set('Cache-Status', cacheStatus[source])
      .set('Age', String(Math.floor(age_ms / 1_000)))
      .set('Cache-Control', 'no-cache')
      .json({ data: rows });
  });
}

/** Eleven months before, so that it is twelve with the last. */
function yearBefore(month: string): string {
  return monthOf(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)) - 12, 1));
}
