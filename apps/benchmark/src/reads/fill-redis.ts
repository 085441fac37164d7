const batch = 100;
const callers = 4;

/**
 * Makes `measured` answer reads of `inRedis` from Redis. Its near cache is full of other products, so it admits no key that is read
 * once. The keys are read before by `other`: a key that a process reads again may enter its near cache.
 *
 * @param measured its address
 * @param other the address of another reader
 */
export async function fillForRedisHits(
  { measured, other }: { readonly measured: string; readonly other: string },
  { inNearCache, inRedis }: { readonly inNearCache: readonly string[]; readonly inRedis: readonly string[] },
): Promise<void> {
  await Promise.all([fillRedis(measured, inNearCache), fillRedis(other, inRedis)]);
}

/** Reads these products through catalog-read, so that Redis holds them. */
export async function fillRedis(url: string, ids: readonly string[]): Promise<void> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < ids.length) {
      const from = next;
      next += batch;
      const path = `/v1/products?ids=${ids.slice(from, from + batch).join(',')}`;
      let status = 0;
      // On a busy machine catalog-read may refuse to load a product.
      for (let attempt = 0; attempt < 5 && status !== 200; attempt++) {
        const response = await fetch(`${url}${path}`);
        await response.arrayBuffer();
        ({ status } = response);
      }
      if (status !== 200) throw new Error(`A batch of products answers ${status}.`);
    }
  };
  await Promise.all(Array.from({ length: callers }, loop));
}
