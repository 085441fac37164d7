/** What Postgres holds under one key of an entity: a body or its absence, with the version of either. */
export interface EntityRow<Body> {
  /** Of the row, or of its tombstone. 0 if there never was a row, and where an entity has no versions. */
  readonly version: number;
  /** null: Postgres has no such row. */
  readonly body: Body | null;
}

/** Loads all these keys of one entity with one query, in one snapshot. The answer has every key asked for. */
export type EntityLoader<Body> = (keys: readonly string[]) => Promise<Map<string, EntityRow<Body>>>;
