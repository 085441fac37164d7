/** Checked load: clients that read, write and delete, and note what they saw. */
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Operation } from '../history/operation.ts';
import type { System } from '../system/system.ts';
import { call } from './call.ts';

const readers = 8;
const apiWriters = 1;
const sqlWriters = 1;
const hotKeys = 3;
const readPause_ms = 4;
const writePause_ms = 20;

export interface Keys {
  /** Never deleted by the load. */
  readonly lasting: readonly string[];
  /** Deleted, and inserted again, all the time. */
  readonly mortal: readonly string[];
}

export interface Load {
  readonly history: Operation[];
  /** Resolves when every client has ended its last call. */
  stop(): Promise<void>;
}

export function startLoad(system: System, keys: Keys, random: () => number): Load {
  const history: Operation[] = [];
  const over = new AbortController();
  // Half of everything goes to a few keys: races need readers and writers of the same key at the same time.
  const pick = (list: readonly string[]): string =>
    list[Math.floor(random() * (random() < 0.5 ? Math.min(hotKeys, list.length) : list.length))] ?? '';
  const all = [...keys.lasting, ...keys.mortal];

  const repeat = async (pause_ms: number, work: () => Promise<void>): Promise<void> => {
    while (!over.signal.aborted) {
      await work();
      await pause(pause_ms * 2 * random());
    }
  };

  const reader = async (index: number): Promise<void> => {
    const { name, url } = system.readers[index % system.readers.length] ?? { name: '', url: '' };
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    /** What this client has seen, which it may demand to see again. */
    const seen = new Map<string, number>();
    await repeat(readPause_ms, async () => {
      const key = pick(all);
      const known = seen.get(key);
      const demands = !system.plain && known !== undefined && random() < 0.1;
      const operation = await read(
        agent,
        { client: `client ${index}`, process: name, url, key },
        demands ? known : undefined,
      );
      if (operation.outcome === 'ok') seen.set(key, Math.max(known ?? 0, operation.version ?? 0));
      history.push(operation);
    });
    agent.destroy();
  };

  const note = async (
    client: string,
    kind: 'write' | 'delete',
    key: string,
    work: () => Promise<{ version: number | undefined; outcome: Operation['outcome']; said?: string }>,
  ): Promise<void> => {
    const start_ms = performance.now();
    const result = await work();
    await system.afterWrite(key).catch(() => undefined);
    history.push({
      client,
      process: '',
      key,
      kind,
      start_ms,
      end_ms: performance.now(),
      outcome: result.outcome,
      present: kind === 'write',
      ...(result.version !== undefined && { version: result.version }),
      ...(result.said !== undefined && { said: result.said }),
    });
  };

  const apiWriter = async (index: number): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const base = `${system.stack.url('catalog-write')}/v1/products`;
    let token = '';
    let tokenUntil_ms = 0;
    const send = async (method: string, key: string, body?: string) => {
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
        const answer = await call(agent, method, `${base}/${key}`, headers, body);
        const outcome = answer.status < 300 ? 'ok' : answer.status < 500 ? 'failed' : 'unknown';
        return {
          outcome,
          version: versionOf(answer.headers['catalog-version']),
          said: String(answer.status),
        } as const;
      } catch (error) {
        return { outcome: 'unknown', version: undefined, said: String(error) } as const;
      }
    };
    await repeat(writePause_ms, async () => {
      if (random() < 0.25) {
        const key = pick(keys.mortal);
        await note(`api ${index}`, 'delete', key, () => send('DELETE', key));
        return;
      }
      const key = pick(keys.lasting);
      const body = JSON.stringify({ priceMinor: Math.floor(random() * 1e6) });
      await note(`api ${index}`, 'write', key, () => send('PATCH', key, body));
    });
    agent.destroy();
  };

  const sqlWriter = async (index: number): Promise<void> => {
    await repeat(writePause_ms, async () => {
      const isMortal = random() < 0.25;
      const key = pick(isMortal ? keys.mortal : keys.lasting);
      await note(`sql ${index}`, 'write', key, async () => {
        try {
          const { rows } = await system.sql.query<{ version: number }>(
            isMortal
              ? insertAgain
              : 'update catalog.products set price_minor = price_minor + 1 where id = $1 returning version',
            [key],
          );
          // No row: it was there already, or is not there.
          if (rows[0] === undefined) return { outcome: 'failed', version: undefined };
          return { outcome: 'ok', version: rows[0].version };
        } catch (error) {
          return { outcome: 'unknown', version: undefined, said: String(error) };
        }
      });
    });
  };

  const clients = [
    ...Array.from({ length: readers }, (_, index) => reader(index)),
    ...Array.from({ length: apiWriters }, (_, index) => apiWriter(index)),
    ...Array.from({ length: sqlWriters }, (_, index) => sqlWriter(index)),
  ];
  return {
    history,
    async stop() {
      over.abort();
      await Promise.all(clients);
    },
  };
}

export const insertAgain = `insert into catalog.products (id, sku, name, brand, category, price_minor, currency, status)
  values ($1::uuid, 'FAULT-' || $1::uuid::text, 'Checked product', 'Acme', 'checked', 100, 'EUR', 'active')
  on conflict (id) do nothing returning version`;

/** One read, as it is noted in the history. */
export async function read(
  agent: Agent | undefined,
  at: { readonly client: string; readonly process: string; readonly url: string; readonly key: string },
  minVersion?: number,
): Promise<Operation> {
  const { client, process, url, key } = at;
  const start_ms = performance.now();
  const about = { client, process, key, kind: 'read', start_ms } as const;
  try {
    const headers: Record<string, string> =
      minVersion === undefined ? {} : { 'min-version': String(minVersion) };
    const answer = await call(agent, 'GET', `${url}/v1/products/${key}`, headers);
    const end_ms = performance.now();
    const said = `${answer.status} ${String(answer.headers['cache-status'] ?? '')}`;
    if (answer.status !== 200 && answer.status !== 404) return { ...about, end_ms, outcome: 'failed', said };
    return {
      ...about,
      end_ms,
      outcome: 'ok',
      version: versionOf(answer.headers['catalog-version']) ?? 0,
      present: answer.status === 200,
      stale: said.includes('detail=stale'),
      said,
      ...(minVersion !== undefined && { minVersion }),
    };
  } catch (error) {
    return { ...about, end_ms: performance.now(), outcome: 'failed', said: String(error) };
  }
}

function versionOf(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' ? Number(header) : undefined;
}
