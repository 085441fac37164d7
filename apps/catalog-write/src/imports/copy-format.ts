import type { ProductCreate } from '@catalog/contracts';

/** In the order of `stage.sql`. */
export function copyLine(line: number, product: ProductCreate): string {
  return `${line}\t${text(product.sku)}\t${text(product.name)}\t${text(product.description)}\t${text(product.brand)}\t${text(product.category)}\t${product.gtin ?? '\\N'}\t${number(product.weightGrams)}\t${number(product.lengthMm)}\t${number(product.widthMm)}\t${number(product.heightMm)}\t${product.priceMinor}\t${product.currency}\t${product.status}\t${text(JSON.stringify(product.attributes))}\n`;
}

function number(value: number | null): string {
  return value === null ? '\\N' : String(value);
}

const special = /[\\\n\r\t]/;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text format of COPY (PostgreSQL manual, COPY, "Text Format"). */
function text(value: string): string {
  return special.test(value) ? value.replace(/[\\\n\r\t]/g, (found) => escapes[found] ?? found) : value;
}
