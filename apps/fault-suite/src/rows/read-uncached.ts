import { read } from '../load/read.ts';
import { demoProducts } from '../system/demo-products.ts';
import type { Stage } from './row.ts';

/** Reads enough uncached products at once that each reader uses all its connections. `said` has the failed answers. */
export async function missManyAtOnce({
  system: { sql, readers },
}: Stage): Promise<{ asked: number; said: string[] }> {
  const ids = await demoProducts(sql, 120);
  const answers = await Promise.all(
    ids.map((id, index) => {
      const reader = readers[index % readers.length];
      return read(undefined, {
        client: 'miss',
        process: reader?.name ?? '',
        url: reader?.url ?? '',
        key: id,
      });
    }),
  );
  return {
    asked: answers.length,
    said: answers.filter(({ outcome }) => outcome !== 'ok').map(({ said }) => said ?? ''),
  };
}
