import { textOf } from '../../http/api.ts';
import { changedFields, patchOf } from '../../products/fields.ts';
import { patchProduct, tagOf, type Product } from '../../products/product.ts';

export interface Wanted {
  readonly before: Product;
  readonly after: Product;
}

export interface Outcome extends Wanted {
  /** Why it was not saved. */
  readonly problem?: string;
}

/** Saves at once. More would let the services wait for each other's locks. */
const atOnce = 4;

/** Saves each product unless somebody else has changed it since it was shown. */
export async function saveMany(
  wanted: readonly Wanted[],
  onProgress: (done: number) => void = () => undefined,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const queue = [...wanted];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { before, after } = next;
      const patch = patchOf(before, after, changedFields(before, after));
      try {
        const { product } = await patchProduct(before.id, patch, tagOf(before));
        outcomes.push({ before, after: product });
      } catch (error) {
        outcomes.push({ before, after, problem: textOf(error) });
      }
      onProgress(outcomes.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return outcomes;
}
