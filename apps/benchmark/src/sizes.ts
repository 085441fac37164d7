/** How much is measured. */
export interface Sizes {
  readonly edits: number;
  /** Of each measured round of requests. */
  readonly round_s: number;
  readonly rounds: number;
  /** Keys that are read once each for Redis hits, and as many for misses. */
  readonly coldKeys: number;
  /** Of each measured round of commits. */
  readonly commits_s: number;
  readonly bulkRows: number;
  /** Rows of each file that is imported three times. */
  readonly importRows: readonly number[];
}

export const fullSizes: Sizes = {
  edits: 2_000,
  round_s: 4,
  rounds: 3,
  coldKeys: 30_000,
  commits_s: 3,
  bulkRows: 1_000_000,
  importRows: [8_000, 1_000_000],
};
/** Shows that everything runs; its numbers mean nothing. */
export const smokeSizes: Sizes = {
  edits: 10,
  round_s: 1,
  rounds: 1,
  coldKeys: 300,
  commits_s: 0.2,
  bulkRows: 2_000,
  importRows: [500, 2_000],
};
