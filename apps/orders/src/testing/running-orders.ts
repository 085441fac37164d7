import { orderSchema, type Order } from '@catalog/contracts';
import { createCatalogClient, type CatalogClient, type NewProduct } from '@catalog/catalog-client';
import { createPool, type Pool } from '@catalog/database';
import { startCatalog, startService, type RunningCatalog, type ServiceProcess } from '@catalog/testing';

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly subject?: string;
  readonly scope?: string;
}

export interface RunningOrders extends AsyncDisposable {
  readonly catalog: RunningCatalog;
  /** May read and write the catalog. */
  readonly client: CatalogClient;
  /** Connects as the superuser, to read what is really stored. */
  readonly owner: Pool;
  /** The process. `restart` replaces it. */
  readonly service: ServiceProcess;
  restart(): Promise<void>;
  /** Sends a valid token, and a body as JSON. */
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  /** Creates a product that is for sale and has this many pieces on hand. Returns its SKU. */
  sell(product: Partial<NewProduct> & { readonly sku: string }, pieces: number): Promise<string>;
  place(
    lines: Order['items'] | readonly { sku: string; quantity: number }[],
    options?: CallOptions,
  ): Promise<Order>;
  onHand(sku: string): Promise<number>;
  /** Also that of a product that is deleted. */
  onHandOf(productId: string): Promise<number>;
}

/** Starts the orders service as a process, with the three services of the catalog and their stores. */
export async function runningOrders(
  options: { readonly requestsPerWindow?: number } = {},
): Promise<RunningOrders> {
  await using started = new AsyncDisposableStack();
  const catalog = started.use(await startCatalog());
  const start = () =>
    startService('orders', {
      ...catalog.env('orders'),
      SERVICE_KEY_FILE: catalog.tokens.keyFile,
      CATALOG_READ_URL: catalog.read.url,
      RATE_LIMIT_REQUESTS: String(options.requestsPerWindow ?? 1_000_000),
      RATE_LIMIT_WINDOW_SECONDS: '3600',
    });
  let service = await start();
  started.defer(() => service[Symbol.asyncDispose]());
  const owner = createPool({ url: catalog.database.url, applicationName: 'test' });
  const onHandOf = async (productId: string): Promise<number> => {
    const { rows } = await owner.query<{ on_hand: number }>(
      'select on_hand from catalog.stock where product_id::text = $1',
      [productId],
    );
    return rows[0]?.on_hand ?? 0;
  };
  started.defer(() => owner.end());
  const client = createCatalogClient({
    readUrl: catalog.read.url,
    writeUrl: catalog.write.url,
    identity: { service: 'test', keyFile: catalog.tokens.keyFile },
  });
  const call: RunningOrders['call'] = (
    method,
    path,
    { body, headers, subject = 'shop', scope = 'orders:write' } = {},
  ) => {
    const token = catalog.tokens.sign({ aud: 'orders', sub: subject, scope });
    return fetch(`${service.url}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  };
  const stack = started.move();
  return {
    catalog,
    client,
    owner,
    get service() {
      return service;
    },
    async restart() {
      await service.kill('SIGKILL');
      service = await start();
    },
    call,
    async sell(product, pieces) {
      const { id, sku } = await client.products.create({
        name: 'Lamp',
        brand: 'Acme',
        category: 'Lighting',
        priceMinor: 1999,
        currency: 'EUR',
        status: 'active',
        weightGrams: 250,
        ...product,
      });
      await owner.query('insert into catalog.stock (product_id, on_hand) values ($1, $2)', [id, pieces]);
      return sku;
    },
    async place(lines, options = {}) {
      const res = await call('POST', '/v1/orders', { body: { customerId: 'c-1', lines }, ...options });
      if (res.status !== 201) throw new Error(`the order was refused: ${res.status} ${await res.text()}`);
      return orderSchema.parse(await res.json());
    },
    async onHand(sku) {
      const { rows } = await owner.query<{ id: string }>('select id from catalog.products where sku = $1', [
        sku,
      ]);
      return onHandOf(rows[0]?.id ?? '');
    },
    onHandOf,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
