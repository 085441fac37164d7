/** Asks every running process of catalog-read, although they share one address. */
import { Agent, get, type IncomingMessage } from 'node:http';
import { z } from 'zod';

/** What one process answers to `GET …/cache`. */
const viewSchema = z.looseObject({
  postgres: z.looseObject({ version: z.int().optional(), state: z.string() }),
  redis: z.looseObject({ state: z.string(), version: z.int().optional() }),
  near: z.looseObject({ state: z.string(), version: z.int().optional() }),
  lastInvalidation: z.object({ version: z.int().nullable(), heardAt: z.string() }).nullable(),
  process: z.looseObject({ instance: z.string().optional() }),
});
export type CacheView = z.infer<typeof viewSchema>;

interface Answer {
  readonly status: number;
  readonly version: number;
  readonly text: string;
}

/** One connection. All its requests reach the same process, because the process that accepts a connection keeps it. */
class Connection {
  readonly #url: string;
  readonly #token: () => Promise<string>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  instance = '';

  constructor(url: string, token: () => Promise<string>) {
    this.#url = url;
    this.#token = token;
  }

  async get(path: string, timeout_ms: number): Promise<Answer> {
    const headers = { Authorization: `Bearer ${await this.#token()}` };
    return new Promise((resolve, reject) => {
      const request = get(
        this.#url + path,
        { agent: this.#agent, headers, timeout: timeout_ms },
        (response: IncomingMessage) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('error', reject).on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              version: Number(response.headers['catalog-version'] ?? 0),
              text,
            }),
          );
        },
      );
      request.on('timeout', () => request.destroy(new Error('catalog-read did not answer in time')));
      request.on('error', reject);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/**
 * Connections that are opened to find every process, each with a view of the key. With 4 processes, 16 random connections miss one
 * in 4 of 100 tries. A deployment with more processes shows at most this many.
 */
export const viewsToFindReaders = 16;

/**
 * The pause between two questions, as a part of the time since the first one. Usually readers are fresh within milliseconds. While a save
 * waits for a lock, or a reader hears nothing, each reader is asked about three hundred times in 20 s.
 */
const pauseShare = 1 / 50;

/** A process that starts later is shown after this time at the latest. */
const foundFor_ms = 15_000;

export interface ReaderView {
  readonly instance: string;
  readonly view: CacheView;
}

export interface ReaderProbeOptions {
  /** The address of catalog-read. */
  readonly url: string;
  readonly token: () => Promise<string>;
}

/** Finds the processes behind the address, and asks each of them about one product, or about the settings, by their path. */
export class ReaderProbe {
  readonly #options: ReaderProbeOptions;
  #connections: Connection[] = [];
  #foundAt_ms = 0;

  constructor(options: ReaderProbeOptions) {
    this.#options = options;
  }

  /** What every process holds. The first call opens the connections. Later ones look for new processes from time to time. */
  async views(path: string): Promise<ReaderView[]> {
    if (this.#connections.length > 0 && performance.now() - this.#foundAt_ms < foundFor_ms) {
      const asked = this.#connections.map((connection) => this.#view(connection, path));
      // A process may have ended. A connection that was closed is opened again, and may then reach another process.
      const views = await Promise.all(asked).catch(() => []);
      const isSame = ({ instance }: ReaderView, index: number): boolean =>
        instance === this.#connections[index]?.instance;
      if (views.length > 0 && views.every(isSame)) return views;
    }
    this.close();
    return this.#find(path);
  }

  /** Asks every process again and again, until each has answered with this version or a newer one. */
  async untilFresh(
    path: string,
    isFresh: (version: number) => boolean,
    onFresh: (instance: string, at_ms: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    await Promise.all(
      this.#connections.map(async (connection) => {
        const began_ms = performance.now();
        while (!signal.aborted) {
          const { version } = await connection.get(path, 2_000);
          const at_ms = performance.timeOrigin + performance.now();
          if (isFresh(version)) {
            onFresh(connection.instance, at_ms);
            return;
          }
          const pause_ms = Math.max(1, (performance.now() - began_ms) * pauseShare);
          await new Promise((resolve) => setTimeout(resolve, pause_ms));
        }
      }),
    );
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
    this.#connections = [];
  }

  async #find(path: string): Promise<ReaderView[]> {
    const { url, token } = this.#options;
    const open = async (connection: Connection): Promise<ReaderView> => {
      const named = await this.#view(connection, path);
      connection.instance = named.instance;
      return named;
    };
    const first = new Connection(url, token);
    const opened = [first];
    try {
      const views = [await open(first)];
      // A process without a name for itself is the only one. The others are looked for at once: one after the other takes a person's time.
      if (views[0]?.view.process.instance !== undefined) {
        for (let index = 1; index < viewsToFindReaders; index++) opened.push(new Connection(url, token));
        views.push(...(await Promise.all(opened.slice(1).map(open))));
      }
      const found = new Map(
        views.map((named, index) => [named.instance, { named, connection: opened[index] }]),
      );
      const kept = [...found.values()];
      this.#foundAt_ms = performance.now();
      this.#connections = kept.flatMap(({ connection }) => connection ?? []);
      return kept.map(({ named }) => named);
    } finally {
      for (const connection of opened) if (!this.#connections.includes(connection)) connection.close();
    }
  }

  async #view(connection: Connection, path: string): Promise<ReaderView> {
    const { status, text } = await connection.get(`${path}/cache`, 5_000);
    if (status !== 200) throw new Error(`catalog-read answered ${status} to a view of a key`);
    const view = viewSchema.parse(JSON.parse(text));
    return { instance: view.process.instance ?? 'catalog-read', view };
  }
}
