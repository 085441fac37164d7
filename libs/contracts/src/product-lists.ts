/** Queries and bodies of the reads that answer with several products. */
import { z } from 'zod';
import { tidy } from './fields.ts';
import { canonicalSearch, readList } from './list-parameters.ts';
import { type Product, productIdSchema, productSchema, productStatuses } from './product.ts';

/** The most products in one answer, by page or by id. */
export const maxProductsPerAnswer = 100;

/** Most bytes of the rows of a page, as JSON. A larger page ends earlier, and has at least one row. */
export const maxPage_bytes = 1_000_000;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Ids separated by commas, each once. A plain expression checks them: a schema takes several times as long. */
export const productIdListSchema = z
  .string()
  .transform((list) => [...new Set(list.split(',').map((id) => id.trim().toLowerCase()))])
  .refine((ids) => ids.length <= maxProductsPerAnswer, {
    error: `must name at most ${maxProductsPerAnswer} products`,
  })
  .refine((ids) => ids.every((id) => uuid.test(id)), { error: 'must be UUIDs separated by commas' });
/** The most values of one filter. */
const maxValues = 50;

/** The parameter `limit`: how many rows a page has, at most `most`. */
export const pageLimit = ({ most, usual }: { readonly most: number; readonly usual: number }) =>
  z
    .string()
    .regex(/^\d{1,15}$/, { error: 'must be a whole number' })
    .transform(Number)
    .refine((limit) => limit >= 1, { error: 'must be at least 1' })
    .refine((limit) => limit <= most, { error: `must be at most ${most}, the most rows of one page` })
    .default(usual)
    .meta({ description: `Rows of a page, 1 to ${most}; ${usual} unless set.`, examples: [String(usual)] });

export const pageLimitSchema = pageLimit({ most: maxProductsPerAnswer, usual: 50 });

/** Values separated by commas. The order and repeats carry no meaning, so they are sorted and given once. */
const listOf = (what: string, examples: string[], check: (value: string) => string | undefined) =>
  z
    .string()
    .max(10_000)
    .transform((text, { addIssue }) => {
      const values = [...new Set(readList(text)?.map(tidy))].toSorted();
      const wrong =
        values.length === 0 || values.includes('')
          ? 'must be values separated by commas; quote a value that holds a comma: "Nuts, bolts"'
          : values.length > maxValues
            ? `must have at most ${maxValues} values`
            : values.map(check).find((message) => message !== undefined);
      if (wrong !== undefined) addIssue({ code: 'custom', message: wrong });
      return values;
    })
    .meta({ description: what, examples });

const anyText = (value: string) =>
  value.length > 200
    ? 'must have at most 200 characters'
    : /\p{Cc}/u.test(value) || !value.isWellFormed()
      ? 'must not contain control characters or broken ones'
      : undefined;
const oneOf = (known: readonly string[]) => (value: string) =>
  known.includes(value) ? undefined : `must be of: ${known.join(', ')}`;

const wholeNumber = (what: string, examples: string[]) =>
  z
    .string()
    .regex(/^\d{1,20}$/, { error: 'must be a whole number' })
    .transform(Number)
    .refine(Number.isSafeInteger, { error: 'must be at most 9007199254740991' })
    .meta({ description: what, examples });

/** The fields of a product in the order of its JSON. */
export const productFields = Object.keys(productSchema.shape) as (keyof Product)[];

/** What a list can be sorted by. */
export const productSortFields = ['name', 'price', 'updatedAt', 'createdAt'] as const;
export interface ProductSort {
  readonly by: (typeof productSortFields)[number];
  readonly descending: boolean;
}

const sortSchema = z
  .string()
  .max(200)
  .transform((text, { addIssue }): readonly ProductSort[] => {
    const names = text.split(',').map((name) => name.trim());
    const sort = names.map((name) => ({
      by: name.replace(/^-/, '') as ProductSort['by'],
      descending: name.startsWith('-'),
    }));
    const known: readonly string[] = productSortFields;
    if (sort.some(({ by }) => !known.includes(by)))
      addIssue({
        code: 'custom',
        message: `must be one or more of: ${known.join(', ')}, separated by commas; "-" before a name turns its order`,
      });
    else if (new Set(sort.map(({ by }) => by)).size < sort.length)
      addIssue({ code: 'custom', message: 'must not name a field twice' });
    return sort;
  })
  .meta({
    description: `The order: ${productSortFields.join(', ')}, separated by commas, each with "-" for the other way. Names are compared without case and accents. By creation unless set.`,
    examples: ['name,-price'],
  });

const fieldsSchema = listOf(
  'Answer only these fields of a product.',
  ['id,name,priceMinor'],
  oneOf(productFields),
).transform((fields) => productFields.filter((field) => fields.includes(field)));

const filters = {
  category: listOf('Only these categories.', ['Lighting,Locks'], anyText).optional(),
  brand: listOf('Only these brands. Quote one that holds a comma.', ['Acme'], anyText).optional(),
  status: listOf(`Only these states: ${productStatuses.join(', ')}.`, ['active'], oneOf(productStatuses))
    .transform((statuses) => statuses as Product['status'][])
    .default(['active']),
  q: z
    .string()
    .min(1)
    .max(200)
    .transform(canonicalSearch)
    .optional()
    .meta({
      description:
        'All words must be in the name, the brand or the SKU, the last one at the start of a word. Case, accents and dashes do not matter. If nothing is found, words with a typing error are found too, and `page.match` is `similar`.',
      examples: ['smart lamp'],
    }),
  minPrice: wholeNumber('Only from this price in minor units (cents).', ['1000']).optional(),
  maxPrice: wholeNumber('Only up to this price in minor units (cents).', ['5000']).optional(),
  minWeight: wholeNumber('Only from this weight in grams.', ['100']).optional(),
  maxWeight: wholeNumber('Only up to this weight in grams.', ['2000']).optional(),
  updatedSince: z.iso
    .datetime({ offset: true, error: 'must be a time such as 2026-11-28T12:00:00Z' })
    .transform((time) => new Date(time).toISOString())
    // Postgres and the contract know no other years.
    .refine((time) => /^(?!0000)\d{4}-/.test(time), { error: 'must be in the years 1 to 9999 in UTC' })
    .optional()
    .meta({ description: 'Only what changed at this time or later.', examples: ['2026-11-28T12:00:00Z'] }),
};

interface Ranges {
  readonly minPrice?: number | undefined;
  readonly maxPrice?: number | undefined;
  readonly minWeight?: number | undefined;
  readonly maxWeight?: number | undefined;
}
const above = (least?: number, most?: number) => least !== undefined && most !== undefined && least > most;
const withRanges = <Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>) =>
  schema
    .refine((query) => !above((query as Ranges).minPrice, (query as Ranges).maxPrice), {
      path: ['minPrice'],
      error: 'must not be above maxPrice',
    })
    .refine((query) => !above((query as Ranges).minWeight, (query as Ranges).maxWeight), {
      path: ['minWeight'],
      error: 'must not be above maxWeight',
    });

/** The filters of a list, of its facets and of an export. */
export const productFilterSchema = withRanges(z.strictObject(filters));
export type ProductFilter = z.output<typeof productFilterSchema>;

/** The query of `GET /v1/products`. */
export const productListQuerySchema = withRanges(
  z.strictObject({
    ...filters,
    sort: sortSchema.optional(),
    fields: fieldsSchema.optional(),
    limit: pageLimitSchema,
    cursor: z
      .string()
      .min(1)
      .max(5_000)
      .optional()
      .meta({ description: '`page.nextCursor` of the page before, with the same filters and sort.' }),
  }),
);
export type ProductListQuery = z.input<typeof productListQuerySchema>;

export const productPageSchema = z.strictObject({
  data: z
    .array(productSchema.partial())
    .describe(
      'With `fields`, only these. Fewer products than `limit` if more would be larger than a megabyte: the cursor goes on.',
    ),
  page: z.strictObject({
    nextCursor: z.string().nullable(),
    estimatedTotal: z
      .int()
      .describe('How many products match. Exact up to 500, and for filters by category, brand and status.'),
    match: z
      .literal('similar')
      .optional()
      .describe('Nothing matched `q`, so these have words that are like it.'),
  }),
});

/** `GET /v1/products/{id}/views` */
export const productViewsSchema = z.strictObject({ id: productIdSchema, views: z.int().min(0) });
export type ProductViewTotal = z.infer<typeof productViewsSchema>;

/** `GET /v1/products?ids=`: each id is in one of the two lists. */
export const productsByIdSchema = z.strictObject({
  data: z.array(productSchema),
  missing: z.array(productIdSchema),
});

/** `GET /v1/products/popular` */
export const popularProductsSchema = z.strictObject({
  data: z
    .array(productSchema)
    .describe(
      'Fewer products than `limit` if not so many were read, or if more would be larger than a megabyte.',
    ),
});

const facetSchema = z.array(z.strictObject({ value: z.string(), count: z.int() }));
/** `GET /v1/products/facets`: how many products have which value. A facet ignores the filter by its own field. */
export const productFacetsSchema = z.strictObject({
  data: z.strictObject({
    brand: facetSchema.describe('The 100 most frequent, and those of the filter.'),
    category: facetSchema.describe('The 100 most frequent, and those of the filter.'),
    status: facetSchema,
  }),
  isEstimated: z
    .boolean()
    .describe('true if more than 20,000 products were to be counted one by one: then a sample was.'),
});
export type ProductFacets = z.infer<typeof productFacetsSchema>;
