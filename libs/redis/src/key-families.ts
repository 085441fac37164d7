/** Keys of the state Redis that have no TTL. README.md lists those that have one. */
export interface KeyFamily {
  readonly keys: RegExp;
  /** However many products, reads and callers there are. */
  readonly most: number;
  readonly bound: string;
}

/** A key without a TTL that is not in this table may grow until the server is full. A test of the whole stack looks for one. */
export const keysWithoutTtl: readonly KeyFamily[] = [
  {
    keys: /^bull:(invalidation|refresh):/,
    most: 400,
    bound: 'of each queue: 100 finished jobs, the limit of waiting jobs, and the keys of the queue',
  },
  {
    keys: /^views:(open|closed)(:id)?$/,
    most: 4,
    bound: 'two batches of 10,000 products',
  },
  { keys: /^views:popular$/, most: 1, bound: '1,000 products' },
  { keys: /^lock:\{[a-z-]+\}:fence$/, most: 5, bound: 'one number for each lock in the code' },
  { keys: /^postgres:highest$/, most: 1, bound: 'a few numbers' },
];
