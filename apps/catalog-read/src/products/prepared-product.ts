import type { NearEntry } from '@catalog/cache';
import { etagOf, PRODUCT, type Product } from '@catalog/contracts';
import { ViewCounter } from './view-counters.ts';

/** A product, and what each answer with it repeats. It is made once for an entry, and the near cache keeps it beside it. */
export interface PreparedProduct {
  readonly text: string;
  readonly etag: string;
  /** Headers of an answer with this product, each with its line end. */
  readonly head: string;
  readonly counter: ViewCounter;
  /** Set by the first call of `isActive`. */
  isActive: boolean | undefined;
}

/** What a SKU leads to: the product with this id, if its payload begins like this. */
interface SkuTarget {
  readonly id: string;
  readonly begin: string;
}

/** undefined if there is no such product. */
export function preparedProduct(entry: NearEntry): PreparedProduct | undefined {
  if (entry.text === null) return undefined;
  return (entry.attachment ??= prepare(entry.version, entry.text)) as PreparedProduct;
}

/** The text is parsed once. The list of popular products asks for hundreds, and a large product takes a millisecond. */
export const isActive = (product: PreparedProduct): boolean =>
  (product.isActive ??= (JSON.parse(product.text) as Pick<Product, 'status'>).status === 'active');

/** undefined if no product bears the SKU. */
export function skuTarget(entry: NearEntry, sku: string): SkuTarget | undefined {
  if (entry.text === null) return undefined;
  return (entry.attachment ??= readTarget(entry.text, sku)) as SkuTarget;
}

/** False if the product has another id than the entry of the SKU says, or has another SKU by now. */
export const isTarget = ({ begin }: SkuTarget, { text }: { text: string | null }): boolean =>
  // `startsWith` would compare character by character.
  text?.slice(0, begin.length) === begin;

function prepare(version: number, text: string): PreparedProduct {
  const etag = etagOf(PRODUCT, version);
  // `join` makes one flat string. A template would make a tree of strings, which each answer would have to walk through.
  const head = ['Catalog-Version: ', version, '\r\nETag: ', etag, '\r\n'].join('');
  const counter = new ViewCounter(text.slice(idBegin, idBegin + idLength));
  return { text, etag, head, counter, isActive: undefined };
}

// Payloads begin with id and SKU, both ASCII, so nobody need parse them.
const idBegin = '{"id":"'.length;
const idLength = 36;

function readTarget(text: string, sku: string): SkuTarget {
  const { id } = JSON.parse(text) as { id: string };
  return { id, begin: `{"id":${JSON.stringify(id)},"sku":${JSON.stringify(sku)},` };
}
