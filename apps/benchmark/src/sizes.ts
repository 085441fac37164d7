/** How much each benchmark measures. */
export interface Sizes {
  readonly edits: number;
  /** The length of a round of requests. */
  readonly round_s: number;
  readonly rounds: number;
  /** The length of a stretch before; there are at least two. */
  readonly warm_s: number;
  /** The length of a round of commits. */
  readonly commits_s: number;
  readonly bulkRows: number;
  /** The rows of each file. Each file is imported three times. */
  readonly importRows: readonly number[];
  /** Products that are read in turn for Redis hits. More than the near cache holds, except where numbers mean nothing. */
  readonly inRedis: number;
  /** More than a core answers in a second. A run takes that many new products. */
  readonly mostMisses_perSecond: number;
  /** Products in the catalog. */
  readonly growth: readonly number[];
}

export const fullSizes: Sizes = {
  edits: 2_000,
  round_s: 3,
  rounds: 5,
  warm_s: 2,
  commits_s: 3,
  bulkRows: 1_000_000,
  importRows: [8_000, 1_000_000],
  inRedis: 100_000,
  mostMisses_perSecond: 8_000,
  growth: [200_000, 1_000_000],
};
/** Under three minutes in all. */
export const quickSizes: Sizes = { ...fullSizes, edits: 200, round_s: 1, rounds: 3, warm_s: 1, commits_s: 2 };
export const largeGrowth: readonly number[] = [...fullSizes.growth, 5_000_000];
/** Only shows that everything runs. Its numbers mean nothing. */
export const smokeSizes: Sizes = {
  edits: 10,
  round_s: 1,
  rounds: 1,
  warm_s: 1,
  commits_s: 0.2,
  bulkRows: 2_000,
  importRows: [500, 2_000],
  inRedis: 2_000,
  mostMisses_perSecond: 200,
  growth: [15_000],
};
