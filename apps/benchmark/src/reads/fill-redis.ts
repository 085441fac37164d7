const batch = 100;
const callers = 4;

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
