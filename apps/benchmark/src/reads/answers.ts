/** Checks that a server answers correctly, and from the expected source, before its speed is measured. */
import type { Pool } from '@catalog/database';

interface Row {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly priceMinor: number;
}

async function rowsOf(pool: Pool, ids: readonly string[]): Promise<Map<string, Row>> {
  const { rows } = await pool.query<Row>(
    'select id, sku, name, price_minor::integer as "priceMinor" from catalog.products where id = any ($1)',
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

function expectSame(given: Row | undefined, wanted: Row | undefined, where: string): void {
  for (const field of ['id', 'sku', 'name', 'priceMinor'] as const) {
    if (given === undefined || wanted === undefined || given[field] !== wanted[field])
      throw new Error(`${where} answers ${field} ${given?.[field]}; Postgres has ${wanted?.[field]}.`);
  }
}

export interface Expected {
  /** Reads the correct values from Postgres, without any cache. */
  readonly pool: Pool;
  /** Part of `Cache-Status` in most answers. */
  readonly source?: string;
  readonly header?: string | undefined;
}

/** Reads each path. An answer is a product, or a list of products under `data`. */
export async function checkAnswers(
  url: string,
  paths: readonly string[],
  { pool, source, header }: Expected,
): Promise<void> {
  const [name = '', value = ''] = header?.split(': ') ?? [];
  let fromSource = 0;
  let seen = '';
  for (const path of paths) {
    const response = await fetch(`${url}${path}`, header === undefined ? {} : { headers: { [name]: value } });
    if (response.status !== 200) throw new Error(`GET ${path} answers ${response.status}.`);
    const answer = (await response.json()) as Row | { data: Row[] };
    const products = 'data' in answer ? answer.data : [answer];
    if (products.length === 0) throw new Error(`GET ${path} answers no product.`);
    const rows = await rowsOf(
      pool,
      products.map(({ id }) => id),
    );
    for (const product of products) expectSame(product, rows.get(product.id), `GET ${path}`);
    seen = response.headers.get('cache-status') ?? '';
    if (source !== undefined && seen.includes(source)) fromSource++;
  }
  if (source !== undefined && fromSource < paths.length * 0.8)
    throw new Error(
      `${fromSource} of ${paths.length} answers come from "${source}"; the last said "${seen}".`,
    );
}
