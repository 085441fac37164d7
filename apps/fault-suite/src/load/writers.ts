/** Clients that write through the API and through SQL. They read back at once what they wrote. */
import { Agent } from 'node:http';
import type { Operation } from '../history/operation.ts';
import { call } from './call.ts';
import type { Scene } from './client.ts';
import { anyOf } from './random.ts';
import { read, versionOf } from './read.ts';

const pause_ms = 20;

interface WriteResult {
  readonly outcome: Operation['outcome'];
  readonly version: number | undefined;
  readonly said?: string;
}

export async function apiWriter(scene: Scene, index: number): Promise<void> {
  const { system, keys, random } = scene;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let token = '';
  let tokenUntil_ms = 0;
  const send = async (method: string, key: string, body?: string): Promise<WriteResult> => {
    if (performance.now() > tokenUntil_ms) {
      token = await system.stack.token('catalog-write', 'catalog:write');
      tokenUntil_ms = performance.now() + 120_000;
    }
    const headers = {
      authorization: `Bearer ${token}`,
      'if-match': '*',
      ...(body !== undefined && {
        'content-type': 'application/merge-patch+json',
        'content-length': String(Buffer.byteLength(body)),
      }),
    };
    try {
      // The writers may be replaced while the load runs.
      const url = `${system.writers[index % system.writers.length]?.url}/v1/products/${key}`;
      const { status, headers: answered } = await call(agent, method, url, headers, body);
      const outcome = status < 300 ? 'ok' : status < 500 ? 'failed' : 'unknown';
      return { outcome, version: versionOf(answered['catalog-version']), said: String(status) };
    } catch (error) {
      return { outcome: 'unknown', version: undefined, said: String(error) };
    }
  };
  await scene.repeat(pause_ms, async () => {
    const client = `api ${index}`;
    if (random() < 0.25) {
      const key = scene.pick(keys.shortLived);
      await write(scene, { client, kind: 'delete', key }, () => send('DELETE', key));
      return;
    }
    const key = scene.pick(keys.lasting);
    const body = JSON.stringify({ priceMinor: Math.floor(random() * 1e6) });
    await write(scene, { client, kind: 'write', key }, () => send('PATCH', key, body));
  });
  agent.destroy();
}

export async function sqlWriter(scene: Scene, index: number): Promise<void> {
  const { system, keys, random } = scene;
  await scene.repeat(pause_ms, async () => {
    const isShortLived = random() < 0.25;
    const key = scene.pick(isShortLived ? keys.shortLived : keys.lasting);
    const statement = isShortLived
      ? insertProducts
      : 'update catalog.products set price_minor = price_minor + 1 where id = $1 returning version';
    await write(scene, { client: `sql ${index}`, kind: 'write', key }, async () => {
      try {
        const { rows } = await system.sql.query<{ version: number }>(statement, [isShortLived ? [key] : key]);
        // No row: an insert found the row, or an update did not find it.
        if (rows[0] === undefined) return { outcome: 'failed', version: undefined };
        return { outcome: 'ok', version: rows[0].version };
      } catch (error) {
        return { outcome: 'unknown', version: undefined, said: String(error) };
      }
    });
  });
}

/** $1 the ids of the products */
export const insertProducts = `insert into catalog.products (id, sku, name, brand, category, price_minor, currency, status)
  select id, 'FAULT-' || id, 'Checked product', 'Acme', 'checked', 100, 'EUR', 'active' from unnest($1::uuid[]) as id
  on conflict (id) do nothing returning version`;

async function write(
  { system, random, record }: Scene,
  about: Pick<Operation, 'client' | 'key'> & { readonly kind: 'write' | 'delete' },
  work: () => Promise<WriteResult>,
): Promise<void> {
  const start_ms = performance.now();
  const { outcome, version, said } = await work();
  const end_ms = performance.now();
  await system.afterWrite(about.key).catch(() => undefined);
  record({
    ...about,
    process: '',
    start_ms,
    end_ms: system.plain ? performance.now() : end_ms,
    outcome,
    present: about.kind === 'write',
    ...(version !== undefined && { version }),
    ...(said !== undefined && { said }),
  });
  // The control does not support Min-Version.
  if (system.plain || outcome !== 'ok' || version === undefined) return;
  const { name, url } = anyOf(system.readers, random);
  record(await read(undefined, { client: about.client, process: name, url, key: about.key }, version));
}
