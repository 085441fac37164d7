import { etagOf, SETTINGS, settingsSchema, type Settings, type SettingsPatch } from '@catalog/contracts';
import { z } from 'zod';
import { bodyOf } from '../answers.ts';
import { EntityReader, type ClientContext } from '../entity-reader.ts';
import { CatalogProblem } from '../errors.ts';
import { LocalCache } from '../local-cache.ts';
import { readOrUseCached, type ReadOptions } from '../stale-if-error.ts';
import type { CallOptions } from '../transport/deadline.ts';

const path = '/v1/settings';
const key = 'settings';
const lenientSchema: z.ZodType<Settings> = z.object(settingsSchema.shape);

/** The settings of the store. */
export class StoreSettings {
  readonly #context: ClientContext;
  readonly #reader: EntityReader<Settings>;
  readonly #cache: LocalCache<Settings>;

  constructor(context: ClientContext, cached: boolean) {
    this.#context = context;
    this.#cache = new LocalCache(cached ? 1 : 0);
    this.#reader = new EntityReader({
      ...context,
      schema: lenientSchema,
      keyOf: () => key,
      cache: this.#cache,
    });
  }

  async get(options: ReadOptions = {}): Promise<Settings> {
    const read = () => this.#reader.read(key, path, this.#context.deadline(options));
    const settings = await readOrUseCached(read, this.#cache.get(key), options, this.#context.now);
    if (settings !== null) return settings;
    throw new CatalogProblem({ status: 404, code: 'not_found', detail: 'There are no settings.' });
  }

  /** Merges a patch into the settings that were read, or, with `*`, into any version. */
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
        idempotent: false,
        headers: {
          'Content-Type': 'application/merge-patch+json',
          'If-Match': target === '*' ? '*' : etagOf(SETTINGS, target.version),
        },
        body: patch,
      },
      this.#context.deadline(options),
    );
    const settings = bodyOf(lenientSchema, answer);
    this.#context.ownWrites.note(key, settings.version);
    // Replaces the entry from before this write, which would otherwise be used while the catalog cannot answer.
    this.#cache.set(key, {
      body: settings,
      version: settings.version,
      etag: answer.headers.get('ETag') ?? etagOf(SETTINGS, settings.version),
      checkedAt_ms: this.#context.now(),
    });
    return settings;
  }
}
