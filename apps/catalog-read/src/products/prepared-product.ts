import type { NearEntry, NearHandle } from '@catalog/cache';
import { etagOf, PRODUCT, type Product } from '@catalog/contracts';
import { ViewCounter } from './view-counters.ts';

/** A product, and what each answer with it repeats. It is made once for an entry, and the near cache keeps it beside it. */
export class PreparedProduct {
  readonly text: string;
  readonly etag: string;
  /** Headers of an answer with this product, each with its line end. */
  readonly head: string;
  /** Set by the first call of `isActive`. */
  isActive: boolean | undefined = undefined;
  /** The last list that it was put into, so that nobody puts it there twice. */
  lastList = 0;
  #views: ViewCounter | undefined = undefined;

  constructor(version: number, text: string) {
    this.text = text;
    this.etag = etagOf(PRODUCT, version);
    // `join` makes one flat string. A template would make a tree of strings, which each answer would have to walk through.
    this.head = ['Catalog-Version: ', version, '\r\nETag: ', this.etag, '\r\n'].join('');
  }

  /** Counted views are kept for a second. A part of the text would keep all of it, so the id is a copy. */
  get views(): ViewCounter {
    return (this.#views ??= new ViewCounter(JSON.parse(this.text.slice(idBegin, idEnd)) as string));
  }
}

// Payloads begin with id and SKU, both ASCII, so nobody need parse the rest.
const idBegin = '{"id":'.length;
const idEnd = idBegin + '"01a22b3a-2bc0-77e3-9c2a-8c4d835aef63"'.length;

/** What a SKU leads to: the product with this id, if its payload begins like this. */
interface SkuTarget {
  readonly id: string;
  readonly begin: string;
  /** The product in the near cache, once it was seen to be the target. */
  product: NearHandle | undefined;
}

/** undefined if there is no such product. */
export function preparedProduct(entry: NearEntry): PreparedProduct | undefined {
  if (entry.text === null) return undefined;
  return (entry.attachment ??= new PreparedProduct(entry.version, entry.text)) as PreparedProduct;
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

function readTarget(text: string, sku: string): SkuTarget {
  const { id } = JSON.parse(text) as { id: string };
  // `join` makes one flat string, which is compared faster.
  const begin = ['{"id":', JSON.stringify(id), ',"sku":', JSON.stringify(sku), ','].join('');
  return { id, begin, product: undefined };
}
