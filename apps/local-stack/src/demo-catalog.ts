/** Loads the demo catalog on the first start, through `POST /v1/imports` as any client would. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { importResultSchema, productSchema, type Product } from '@catalog/contracts';
import { z } from 'zod';
import { upload } from './import/upload.ts';
import { exists } from './machine/stack-folder.ts';
import { StackProblem } from './problem.ts';

const file = join(import.meta.dirname, '../demo/smart-home-products.csv');
const pageSchema = z.object({ data: z.array(productSchema) });

export interface DemoOptions {
  readonly readUrl: string;
  readonly writeUrl: string;
  /** Exists when it was loaded. */
  readonly markerFile: string;
  /** A token for catalog-write. */
  token(): Promise<string>;
  readonly signal: AbortSignal;
}

/**
 * Loads it unless it was loaded before, or there are other products.
 * @returns how many products were created; undefined when there was nothing to do
 */
export async function loadDemoCatalog(options: DemoOptions): Promise<number | undefined> {
  if (await exists(options.markerFile)) return undefined;
  if ((await anyProduct(options.readUrl)) !== undefined) {
    await writeFile(options.markerFile, '');
    return undefined;
  }
  const { status, body } = await upload({
    url: `${options.writeUrl}/v1/imports?mode=reject-all`,
    file,
    headers: { 'content-type': 'text/csv', authorization: `Bearer ${await options.token()}` },
    signal: options.signal,
  });
  if (status !== 200) {
    throw new StackProblem(
      `catalog-write refused the demo catalog (${status}).`,
      `It answered: ${body.slice(0, 2_000)}`,
    );
  }
  const result = importResultSchema.parse(JSON.parse(body));
  await writeFile(options.markerFile, '');
  return result.created;
}

/** Any active product. It reads a list, so that the product itself does not get into the cache. */
export async function anyProduct(readUrl: string, query = 'limit=1'): Promise<Product | undefined> {
  const response = await fetch(`${readUrl}/v1/products?${query}`);
  if (!response.ok) {
    throw new StackProblem(
      `catalog-read answers ${response.status} to a list of products.`,
      (await response.text()).slice(0, 2_000),
    );
  }
  return pageSchema.parse(await response.json()).data[0];
}
