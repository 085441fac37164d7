/** How much each benchmark measures. */
export interface Sizes {
  readonly edits: number;
  /** Whether caches are measured too that no goal names. */
  readonly allContestants: boolean;
  /** The length of a round of requests. */
  readonly round_s: number;
  readonly rounds: number;
  /** Runs at a fixed rate; their median counts, because a virtual machine stops for tens of milliseconds now and then. */
  readonly paced: number;
  /** Their length. The first requests of all connections come at once, and must be fewer than a hundredth. */
  readonly paced_s: number;
  /** The length of a warm-up run. There are at least two before a measurement. */
  readonly warm_s: number;
  /** The length of a round of commits. */
  readonly commits_s: number;
  readonly bulkRows: number;
  /** The rows of each file. Each file is imported three times. */
  readonly importRows: readonly number[];
  /** Products that are read in turn for Redis hits: more than the 100,000 keys that a process knows as read before. */
  readonly inRedis: number;
  /** Other products, which fill the near cache of 64 MB before Redis hits are measured. */
  readonly inNearCache: number;
  /** Changes that wait for workers. */
  readonly backlog: number;
  /** Whether hits and misses must come from the wanted source. With few products, all end in the near cache. */
  readonly checksSources: boolean;
  /** More than a core answers in a second. The benchmark adds this number of new products for each second of its runs. */
  readonly mostMisses_perSecond: number;
  /** Products in the catalog. */
  readonly growth: readonly number[];
  readonly exportRows: number;
  readonly listedProducts: number;
  readonly listRounds: number;
  readonly scale: {
    /** Fewer than a near cache holds. */
    readonly products: number;
    /** Products that nobody has read. */
    readonly unread: number;
    readonly oncePerSecond: number;
    /** Of the mixed load: a hundredth of the load in docs/scale.md. */
    readonly readsPerSecond: number;
    readonly changesPerSecond: number;
    readonly mixed_s: number;
    readonly idle_s: number;
    /** Connections that hear the changes, in addition to the readers. */
    readonly listeners: number;
  };
}

/** New products, so that each miss of a benchmark reads another one. A warm-up usually takes two to four runs. */
export const productsToMiss = ({ mostMisses_perSecond, round_s, rounds, warm_s }: Sizes): number =>
  Math.ceil(mostMisses_perSecond * (round_s * rounds + 4 * warm_s));

export const fullSizes: Sizes = {
  edits: 2_000,
  allContestants: true,
  round_s: 3,
  rounds: 5,
  paced: 7,
  paced_s: 2,
  warm_s: 2,
  commits_s: 3,
  bulkRows: 1_000_000,
  importRows: [8_000, 1_000_000],
  inRedis: 110_000,
  inNearCache: 65_000,
  backlog: 50_000,
  checksSources: true,
  mostMisses_perSecond: 18_000,
  growth: [200_000, 1_000_000],
  exportRows: 1_000_000,
  listedProducts: 1_000_000,
  listRounds: 100,
  scale: {
    products: 40_000,
    unread: 10_000,
    oncePerSecond: 4_000,
    readsPerSecond: 10_000,
    changesPerSecond: 1_000,
    mixed_s: 15,
    idle_s: 5,
    listeners: 50,
  },
};
/** Three minutes in all. */
export const quickSizes: Sizes = {
  ...fullSizes,
  paced: 5,
  paced_s: 1,
  edits: 100,
  allContestants: false,
  round_s: 1,
  rounds: 3,
  warm_s: 1,
  commits_s: 2,
};
export const largeGrowth: readonly number[] = [...fullSizes.growth, 5_000_000];
/** Only shows that everything runs. Its numbers mean nothing. */
export const smokeSizes: Sizes = {
  edits: 10,
  allContestants: true,
  round_s: 1,
  rounds: 1,
  paced: 1,
  paced_s: 1,
  warm_s: 1,
  commits_s: 0.2,
  bulkRows: 2_000,
  importRows: [500, 2_000],
  inRedis: 2_000,
  inNearCache: 500,
  backlog: 500,
  checksSources: false,
  mostMisses_perSecond: 200,
  // Two, so that they are compared.
  growth: [15_000, 16_000],
  exportRows: 17_000,
  listedProducts: 2_000,
  listRounds: 2,
  scale: {
    products: 2_000,
    unread: 500,
    oncePerSecond: 500,
    readsPerSecond: 500,
    changesPerSecond: 50,
    mixed_s: 2,
    idle_s: 1,
    listeners: 5,
  },
};
