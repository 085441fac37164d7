import type { Source } from '@catalog/cache';
import { CatalogError, monthSchema, salesReportSchema } from '@catalog/contracts';
import { route, type Clock, type Route } from '@catalog/service-kit';
import { z } from 'zod';
import { mayRead } from '../scopes.ts';
import type { SalesCache } from './sales-cache.ts';
import { monthOf, monthsBetween, readSalesReport } from './sales-report.ts';

const maxMonths = 120;
/** A day counts as its month. */
const monthOrDay = z
  .union([monthSchema, z.iso.date()], { error: 'must be a month such as 2026-11, or a day' })
  .transform((value) => value.slice(0, 7));

/** RFC 9211, in the words of catalog-read. */
const cacheStatus: Record<Source, string> = {
  near: 'orders; hit; detail=near',
  redis: 'orders; hit; detail=redis',
  stored: 'orders; fwd=miss; stored',
  bypass: 'orders; fwd=bypass',
  stale: 'orders; hit; detail=stale',
};

export function salesRoute({ sales, clock }: { sales: Pick<SalesCache, 'months'>; clock: Clock }): Route {
  return route({
    method: 'get',
    path: '/v1/reports/sales',
    summary: 'Revenue and number of completed orders by month',
    description:
      'Cached until an order is completed. Both months are included; without them the report covers the last twelve.',
    scope: mayRead,
    query: z.strictObject({ from: monthOrDay.optional(), to: monthOrDay.optional() }),
    answers: {
      200: {
        description: 'The report.',
        schema: salesReportSchema,
        headers: {
          'Cache-Status': 'RFC 9211: the cache that answered, or why none did.',
          Age: 'Seconds since it was read from Postgres.',
        },
      },
    },
    async handle({ query: { to = monthOf(clock.now()), from = elevenMonthsBefore(to) } }, res) {
      const months = monthsBetween(from, to);
      if (months.length === 0) throw invalidFrom('must not be after "to"');
      if (months.length > maxMonths) throw invalidFrom(`must be at most ${maxMonths} months before "to"`);
      const { rows, source, age_ms } = await readSalesReport(sales, months);
      res
        .set('Cache-Status', cacheStatus[source])
        .set('Age', String(Math.floor(age_ms / 1_000)))
        .set('Cache-Control', 'no-cache')
        .json({ data: rows });
    },
  });
}

const invalidFrom = (message: string): CatalogError =>
  new CatalogError('invalid_request', `from ${message}.`, {
    errors: [{ parameter: 'from', code: 'invalid_range', message }],
  });

/** The first of twelve months that end with `month`. */
function elevenMonthsBefore(month: string): string {
  return monthOf(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)) - 12, 1));
}
