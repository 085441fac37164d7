import {
  orderCreateSchema,
  orderPageSchema,
  orderSchema,
  salesReportSchema,
  stockAdjustmentSchema,
  stockSchema,
} from '@catalog/contracts';
import { openApiDocument, requestTimeoutHeader, type OpenApiDocument } from '@catalog/service-kit';
import { z } from 'zod';
import { orderParams, orderQuery } from './orders/routes.ts';
import { reportQuery } from './sales/routes.ts';
import { stockParams } from './stock/routes.ts';

const read = ['orders:read'];
const write = ['orders:write'];
const idempotencyKey = z.string().min(1).max(255).optional();
const replayed = { 'Idempotency-Replayed': 'true: done before, under the same key.' };
const bodyErrors = [
  'malformed_request',
  'invalid_request',
  'body_too_large',
  'unsupported_media_type',
  'conflict',
  'busy',
  'idempotency_key_reused',
  'stock_short',
  'rate_limited',
] as const;

export function openApi(): OpenApiDocument {
  return openApiDocument({
    title: 'orders',
    version: '1',
    description: 'Orders with their items, stock on hand, and the sales report.',
    routes: [
      {
        method: 'post',
        path: '/v1/orders',
        summary: 'Place an order',
        description:
          'Takes the stock and keeps name, price and weight of this moment, all or nothing. Where the catalog is away the order is refused, unless `Cache-Control: stale-if-error=SECONDS` allows what this service last saw.',
        scopes: write,
        headers: z.strictObject({
          'Idempotency-Key': idempotencyKey,
          'Cache-Control': z.string().optional(),
          ...requestTimeoutHeader,
        }),
        body: { schema: orderCreateSchema },
        responses: {
          201: {
            description: 'Placed',
            schema: orderSchema,
            headers: { Location: 'Its address.' },
            sometimes: {
              ...replayed,
              'Cache-Status':
                '`detail=stale` where the catalog was away, and prices are what this service last saw.',
              Age: 'With that: how many seconds ago.',
            },
          },
        },
        errors: [...bodyErrors, 'orders_closed'],
      },
      {
        method: 'get',
        path: '/v1/orders',
        summary: 'A page of orders, the newest first',
        scopes: read,
        query: orderQuery,
        responses: { 200: { description: 'The orders', schema: orderPageSchema } },
        errors: ['invalid_request', 'rate_limited'],
      },
      {
        method: 'get',
        path: '/v1/orders/{id}',
        summary: 'An order with its items and its weight',
        scopes: read,
        params: orderParams,
        responses: { 200: { description: 'The order', schema: orderSchema } },
        errors: ['invalid_request', 'not_found', 'rate_limited'],
      },
      ...(['complete', 'cancel'] as const).map((how) => ({
        method: 'post' as const,
        path: `/v1/orders/{id}/${how}`,
        summary: how === 'complete' ? 'Complete an order' : 'Cancel an order and give its stock back',
        scopes: write,
        params: orderParams,
        headers: z.strictObject(requestTimeoutHeader),
        responses: { 200: { description: 'The order as it is now', schema: orderSchema } },
        errors: ['invalid_request', 'not_found', 'conflict', 'busy', 'rate_limited'] as const,
      })),
      {
        method: 'get',
        path: '/v1/stock/{sku}',
        summary: 'Stock on hand',
        scopes: read,
        params: stockParams,
        responses: { 200: { description: 'The stock', schema: stockSchema } },
        errors: ['invalid_request', 'not_found', 'rate_limited'],
      },
      {
        method: 'post',
        path: '/v1/stock/{sku}/adjustments',
        summary: 'Receive or correct stock',
        scopes: write,
        params: stockParams,
        headers: z.strictObject({ 'Idempotency-Key': idempotencyKey, ...requestTimeoutHeader }),
        body: { schema: stockAdjustmentSchema },
        responses: {
          200: { description: 'The stock as it is now', schema: stockSchema, sometimes: replayed },
        },
        errors: bodyErrors,
      },
      {
        method: 'get',
        path: '/v1/reports/sales',
        summary: 'Revenue and number of completed orders by month',
        description: 'Cached, and dropped when an order is completed. Both months are included.',
        scopes: read,
        query: reportQuery,
        responses: {
          200: {
            description: 'The report',
            schema: salesReportSchema,
            headers: {
              'Cache-Status': 'RFC 9211: which cache answered, or why none did.',
              Age: 'Seconds since it was read from Postgres.',
            },
          },
        },
        errors: ['invalid_request', 'rate_limited'],
      },
    ],
  });
}
