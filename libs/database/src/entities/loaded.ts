/** What Postgres holds under one key of an entity. */
export interface Loaded<Body> {
  /** Of the row, or of its tombstone; 0 if there never was a row, and where an entity has no versions. */
  readonly version: number;
  /** null: Postgres has no such row. */
  readonly body: Body | null;
}
