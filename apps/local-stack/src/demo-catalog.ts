/** The demo catalog, loaded on the first start as any client would: through `POST /v1/imports`. */
import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { importResultSchema, productSchema, type Product } from '@catalog/contracts';
import { z } from 'zod';
import { StackProblem } from './problem.ts';

const file = join(import.meta.dirname, '../demo/smart-home-products.csv');
const pageSchema = z.object({ data: z.array(productSchema) });

export interface DemoOptions {
  readonly readUrl: string;
  readonly writeUrl: string;
  /** Marks that it was loaded. */
  readonly markerFile: string;
  /** For catalog-write. */
  token(): Promise<string>;
}

/**
 * Loads it unless it was loaded before or there are products already.
 * @returns how many products were created; undefined when nothing was to do
 */
export async function loadDemoCatalog(options: DemoOptions): Promise<number | undefined> {
  if (await exists(options.markerFile)) return undefined;
  if ((await anyProduct(options.readUrl)) !== undefined) {
    await writeFile(options.markerFile, '');
    return undefined;
  }
  const response = await fetch(`${options.writeUrl}/v1/imports?mode=reject-all`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', authorization: `Bearer ${await options.token()}` },
    body: Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>,
    duplex: 'half',
  });
  const text = await response.text();
  if (!response.ok) {
    throw new StackProblem(
      `The demo catalog was refused (${response.status}).`,
      `catalog-write said: ${text.slice(0, 2_000)}`,
    );
  }
  const result = importResultSchema.parse(JSON.parse(text));
  await writeFile(options.markerFile, '');
  return result.created;
}

/**
 * Some active product, found through a list so that the product itself is not cached by being looked for.
 * @returns undefined when there is none
 */
export async function anyProduct(readUrl: string, query = 'limit=1'): Promise<Product | undefined> {
  const response = await fetch(`${readUrl}/v1/products?${query}`);
  if (!response.ok) {
    throw new StackProblem(
      `catalog-read answers ${response.status} to a list.`,
      (await response.text()).slice(0, 2_000),
    );
  }
  return pageSchema.parse(await response.json()).data[0];
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
