import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ProductFilter, productFilterSchema } from '@catalog/contracts';
import { exportProducts, type ExportedRow } from '@catalog/database';
import {
  anonymousCaller,
  CallerPlaces,
  type CheckedBy,
  parse,
  type Route,
  route,
} from '@catalog/service-kit';
import type { Response } from 'express';
import type { Pool } from 'pg';
import { z } from 'zod';
import { cutOffWhenSlow } from './cut-off.ts';
import { exportLimits } from './limits.ts';
import { type ExportFormat, exportFormats, type LineWriter, lineWriters } from './product-lines.ts';

const formatQuery = z.strictObject({ format: z.enum(exportFormats).default('csv') });

/** The filters of a list, and the format. */
const exportQuery: CheckedBy<{ readonly format: ExportFormat; readonly filter: ProductFilter }> = {
  schema: z.strictObject({ ...formatQuery.shape, ...productFilterSchema.shape }),
  check({ format, ...filter }) {
    const given = format === undefined ? {} : { format };
    return { ...parse(formatQuery, given, 'query'), filter: parse(productFilterSchema, filter, 'query') };
  },
};

/** It reads Postgres, not the caches: a snapshot of all products is in no cache. */
export function exportRoute({ pool }: { readonly pool: Pool }): Route {
  const places = new CallerPlaces({
    what: 'exports',
    most: exportLimits.simultaneous,
    mostPerCaller: exportLimits.simultaneousPerCaller,
    retryAfter_s: exportLimits.retryAfter_s,
  });
  return route({
    method: 'get',
    path: '/v1/products/export',
    summary: 'All products that match, as a file that can be imported as it is',
    description:
      'A stream of one snapshot, by creation. It has the fields that an import takes, and the filters of the list. An answer that breaks off is incomplete: the client took less than 1 KiB/s, or more than an hour.',
    scope: 'catalog:read',
    query: exportQuery,
    answers: {
      200: {
        description: 'The products.',
        otherTypes: {
          'text/csv': 'A header of field names, and a row for each product (RFC 4180).',
          'application/x-ndjson': 'One JSON object a line.',
        },
        headers: { 'Content-Disposition': 'A name for the file.' },
      },
    },
    errors: ['rate_limited'],
    async handle({ query: { format, filter } }, res, req) {
      // All callers without a token share one place: an address costs nothing, and slow clients hold their places for long.
      using _place = places.take(req.caller?.owner ?? anonymousCaller.owner);
      await sendExport(res, exportProducts(pool, filter), format);
    },
  });
}

async function sendExport(
  res: Response,
  batches: AsyncGenerator<readonly ExportedRow[]>,
  format: ExportFormat,
): Promise<void> {
  const writer = lineWriters[format];
  // A query that fails at once still gets a whole error document.
  const first = await batches.next();
  const day = new Date().toISOString().slice(0, 10);
  res.writeHead(200, {
    'Content-Type': writer.mediaType,
    'Content-Disposition': `attachment; filename="products-${day}.${format}"`,
    'Cache-Control': 'no-store',
  });
  const progress = cutOffWhenSlow(res);
  try {
    await pipeline(Readable.from(chunks(first, batches, writer), { objectMode: false }), res);
  } catch (error) {
    // A client that goes away ends its export. Other errors are logged; the broken connection tells the client.
    if (!isGone(error)) throw error;
  } finally {
    clearInterval(progress);
    await batches.return(undefined);
  }
}

/** More than most batches have. Of large products, only so much is written before the client has taken the last of it. */
const chunk_chars = 64 * 1024;

async function* chunks(
  first: IteratorResult<readonly ExportedRow[]>,
  rest: AsyncGenerator<readonly ExportedRow[]>,
  writer: LineWriter,
): AsyncGenerator<Buffer> {
  if (writer.head !== '') yield Buffer.from(writer.head);
  for (let next = first; next.done !== true; next = await rest.next()) {
    let text = '';
    for (const row of next.value) {
      text += writer.line(row);
      if (text.length < chunk_chars) continue;
      yield Buffer.from(text);
      text = '';
    }
    if (text !== '') yield Buffer.from(text);
  }
}

function isGone(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'EPIPE';
}
