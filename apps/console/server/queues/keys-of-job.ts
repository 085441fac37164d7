import { invalidationJobSchema, refreshJobSchema } from '@catalog/change-feed';
import { entities } from '@catalog/contracts';

export interface KeyOfJob {
  /** As the cache has it: `product:<id>`. */
  readonly key: string;
  /** Of an invalidation: the change that it applies, and the version that the change wrote. */
  readonly seq?: number;
  readonly version?: number;
}

/** Empty for data that no part of the system wrote. */
export function keysOfJob(data: unknown): readonly KeyOfJob[] {
  const { data: invalidation } = invalidationJobSchema.safeParse(data);
  if (invalidation !== undefined)
    return invalidation.changes.map(({ entity, key, seq, version }) => ({
      key: cacheKeyOf(entity, key),
      seq,
      version,
    }));
  const { data: refresh } = refreshJobSchema.safeParse(data);
  return (refresh?.keys ?? []).map(({ entity, key }) => ({ key: cacheKeyOf(entity, key) }));
}

const cacheKeyOf = (entity: string, key: string): string =>
  entities.find(({ name }) => name === entity)?.cacheKey(key) ?? `${entity} ${key}`;

/** What a job does, its first key, and the number of its other keys. */
export function jobTitle({ name, data }: { readonly name: string; readonly data: unknown }): string {
  const [first, ...others] = keysOfJob(data);
  if (first === undefined) return name;
  return `${name} ${first.key}${others.length === 0 ? '' : ` and ${others.length} more`}`;
}
