import { etagOf, SETTINGS, settingsSchema, type Settings, type SettingsPatch } from '@catalog/contracts';
import { z } from 'zod';
import { EntityReads } from '../entity-reads.ts';
import { CatalogProblem } from '../errors.ts';
import { LocalCache } from '../local-cache.ts';
import type { ReadContext } from '../products/product-reads.ts';
import { readOrKept, type ReadOptions } from '../stale-if-error.ts';
import { bodyOf } from '../reading.ts';
import type { CallOptions } from '../transport/deadline.ts';

const path = '/v1/settings';
const key = 'settings';
const lenientSchema: z.ZodType<Settings> = z.object(settingsSchema.shape);

/** Settings of the store. */
export class StoreSettings {
  readonly #context: Omit<ReadContext, 'products'>;
  readonly #reads: EntityReads<Settings>;
  readonly #cache: LocalCache<Settings>;

  constructor(context: Omit<ReadContext, 'products'>, cached: boolean) {
    this.#context = context;
    this.#cache = new LocalCache(cached ? 1 : 0);
    this.#reads = new EntityReads({
      ...context,
      schema: lenientSchema,
      keyOf: () => key,
      cache: this.#cache,
    });
  }

  async get(options: ReadOptions = {}): Promise<Settings> {
    const read = () => this.#reads.read(key, path, this.#context.deadline(options));
    const settings = await readOrKept(read, this.#cache.get(key), options, this.#context.now);
    if (settings !== null) return settings;
    throw new CatalogProblem({ status: 404, code: 'not_found', detail: 'There are no settings.' });
  }

  /** Merges a patch into the settings that were read, or, for `*`, into whatever is there. */
  async update(
    target: Pick<Settings, 'version'> | '*',
    patch: SettingsPatch,
    options: CallOptions = {},
  ): Promise<Settings> {
    const answer = await this.#context.transport.send(
      {
        service: 'catalog-write',
        method: 'PATCH',
        path,
        repeatable: false,
        headers: {
          'Content-Type': 'application/merge-patch+json',
          'If-Match': target === '*' ? '*' : etagOf(SETTINGS, target.version),
        },
        body: patch,
      },
      this.#context.deadline(options),
    );
    const settings = bodyOf(lenientSchema, answer);
    this.#context.written.note(key, settings.version);
    // What was kept before is older than what this client wrote, and would be served where the catalog cannot answer.
    this.#cache.keep(key, {
      body: settings,
      version: settings.version,
      etag: answer.headers.get('ETag') ?? etagOf(SETTINGS, settings.version),
      checkedAt_ms: this.#context.now(),
    });
    return settings;
  }
}
