import { maxProductsPerAnswer } from '@catalog/contracts';

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const lowerCaseUuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/;
const idLength = 36;

export const isId = (text: string): boolean => uuid.test(text);
/** As the caches and Postgres write an id. */
export const isLowerCaseId = (text: string): boolean => lowerCaseUuid.test(text);

/** Letters, digits, and what else RFC 3986 (3.3, `pchar`) allows in a path; and encoded bytes. */
const segment = /^(?:[\w.~!$&'()*+,;=:@-]|%[\da-f]{2})+$/i;
/** As `skuSchema` in the contracts. */
const sku = /^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/;

/**
 * The SKU in a segment of a path, decoded as the router does. undefined if it is none, or is spelled in a way that the
 * router should judge.
 */
function skuInSegment(text: string): string | undefined {
  if (!segment.test(text)) return undefined;
  if (!text.includes('%')) return text.length <= 64 ? text : undefined;
  try {
    const decoded = decodeURIComponent(text);
    return sku.test(decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

/** What a path names a product by. */
export interface ProductAddress {
  readonly isSku: boolean;
  /** The SKU. Or a text as long as an id: whether it is one, nobody has checked. */
  readonly key: string;
}

const bySku = 'by-sku/';

/** @param path what stands behind `/v1/products/` */
export function productAddress(path: string): ProductAddress | undefined {
  if (path.length === idLength && !path.startsWith(bySku)) return { isSku: false, key: path };
  if (!path.startsWith(bySku)) return undefined;
  const key = skuInSegment(path.slice(bySku.length));
  return key === undefined ? undefined : { isSku: true, key };
}

/**
 * The ids in a list, with commas or encoded commas between them. They are only cut out: whether they are ids, nobody has
 * checked. undefined if the list is empty, too long, or of another form.
 */
export function idsInList(text: string): string[] | undefined {
  const isEncoded = text.charAt(idLength) === '%';
  const step = idLength + (isEncoded ? 3 : 1);
  const count = (text.length + step - idLength) / step;
  if (!Number.isInteger(count) || count < 1 || count > maxProductsPerAnswer) return undefined;
  const ids: string[] = [];
  for (let at = 0; at < text.length; at += step) {
    if (at > 0 && !(isEncoded ? /^%2c$/i.test(text.slice(at - 3, at)) : text.charAt(at - 1) === ','))
      return undefined;
    ids.push(text.slice(at, at + idLength));
  }
  return ids;
}
