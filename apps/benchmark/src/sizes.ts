/** How much each benchmark measures. */
export interface Sizes {
  readonly edits: number;
  /** The length of a round of requests. */
  readonly round_s: number;
  readonly rounds: number;
  /** Keys that are read once each, for Redis hits; the same number again for misses. */
  readonly coldKeys: number;
  /** The length of a round of commits. */
  readonly commits_s: number;
  readonly bulkRows: number;
  /** The rows of each file. Each file is imported three times. */
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
/** Only shows that everything runs. Its numbers mean nothing. */
export const smokeSizes: Sizes = {
  edits: 10,
  round_s: 1,
  rounds: 1,
  coldKeys: 300,
  commits_s: 0.2,
  bulkRows: 2_000,
  importRows: [500, 2_000],
};
