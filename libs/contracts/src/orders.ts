/** Bodies of the orders service: orders with their items, stock, and the sales report. */
import { z } from 'zod';
import { productIdSchema, skuSchema, versionSchema } from './product.ts';
import { requiredText } from './fields.ts';

export const orderStatuses = ['placed', 'completed', 'cancelled'] as const;
export const maxOrderLines = 100;
const maxQuantity = 1_000_000;
/** Ten thousand million in euros; nine thousand such orders of one month still have an exact sum. */
export const maxOrderTotalMinor = 1_000_000_000_000;
/** A million tonnes. Without a limit the total weight of an order could exceed what a number holds exactly. */
export const maxOrderWeightGrams = 1_000_000_000_000;

/** URLs drop path segments of dots, encoded or not, so no request could ask the catalog for such a product. */
export const addressedSkuSchema = skuSchema.refine((sku) => sku !== '.' && sku !== '..', {
  error: 'must not be "." or "..", because no address can contain them',
});

export const customerIdSchema = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[\x21-\x7e]+$/, { error: 'must be visible ASCII characters' });

export const orderCreateSchema = z.strictObject({
  customerId: customerIdSchema,
  lines: z
    .array(z.strictObject({ sku: addressedSkuSchema, quantity: z.int().min(1).max(maxQuantity) }))
    .min(1)
    .max(maxOrderLines),
});
export type OrderCreate = z.infer<typeof orderCreateSchema>;

/** Name, price and weight at the moment of the order. The product may have changed since. */
export const orderItemSchema = z.strictObject({
  sku: z.string(),
  productId: productIdSchema,
  productVersion: versionSchema,
  name: z.string(),
  priceMinor: z.int(),
  weightGrams: z.int().nullable(),
  quantity: z.int(),
});
export type OrderItem = z.infer<typeof orderItemSchema>;

export const orderSummarySchema = z.strictObject({
  id: z.uuid(),
  customerId: z.string(),
  status: z.enum(orderStatuses),
  currency: z.string(),
  totalMinor: z.int(),
  createdAt: z.iso.datetime(),
  completedAt: z.iso.datetime().nullable(),
  cancelledAt: z.iso.datetime().nullable(),
});
export type OrderSummary = z.infer<typeof orderSummarySchema>;

export const orderSchema = z.strictObject({
  ...orderSummarySchema.shape,
  /** Of the items whose weight is known. */
  totalWeightGrams: z.int(),
  /** false if some item has no known weight: then the order weighs more. */
  totalWeightIsComplete: z.boolean(),
  items: z.array(orderItemSchema),
});
export type Order = z.infer<typeof orderSchema>;

export const orderPageSchema = z.strictObject({
  data: z.array(orderSummarySchema),
  page: z.strictObject({ nextCursor: z.string().nullable() }),
});

export const stockSchema = z.strictObject({
  sku: z.string(),
  /** The stock belongs to the product, whatever SKU it bears. */
  productId: productIdSchema,
  onHand: z.int().min(0),
  updatedAt: z.iso.datetime(),
});
export type Stock = z.infer<typeof stockSchema>;

/** `GET /v1/stock?productIds=`: only products of which stock was ever received. */
export const stockListSchema = z.strictObject({ data: z.array(stockSchema.omit({ sku: true })) });
export type StockList = z.infer<typeof stockListSchema>;

export const stockAdjustmentSchema = z.strictObject({
  /** Pieces received, or, below zero, lost, broken or miscounted. */
  delta: z
    .int()
    .min(-1_000_000_000)
    .max(1_000_000_000)
    .refine((delta) => delta !== 0, { error: 'must not be 0' }),
  reason: requiredText(500).refine((reason) => !/[\t\n\r]/.test(reason), { error: 'must be one line' }),
});
export type StockAdjustment = z.infer<typeof stockAdjustmentSchema>;

/** A month of UTC, as in `2026-11`. */
export const monthSchema = z
  .string()
  .regex(/^[12]\d{3}-(?:0[1-9]|1[0-2])$/, { error: 'must be a month such as 2026-11' });

const revenueSchema = z
  .int()
  .nullable()
  .describe('null: more than 9007199254740991, which no JSON number holds exactly.');

/** The cached sales of one month. */
export const salesMonthSchema = z.strictObject({
  month: monthSchema,
  /** One for each currency of the orders that were completed in that month. */
  sales: z.array(z.strictObject({ currency: z.string(), revenueMinor: revenueSchema, orders: z.int() })),
});
export type SalesMonth = z.infer<typeof salesMonthSchema>;

export const salesReportSchema = z.strictObject({
  /** Each month from the first to the last, and each currency in it; a month without sales has no row. */
  data: z.array(
    z.strictObject({
      month: monthSchema,
      currency: z.string(),
      revenueMinor: revenueSchema,
      orders: z.int(),
    }),
  ),
});
