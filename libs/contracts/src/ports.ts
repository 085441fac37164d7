/** The ports of one stack on a machine, counted from `PORT_BASE`. */
export const portOffsets = {
  console: 0,
  'catalog-read': 1,
  'catalog-write': 2,
  'invalidation-worker': 3,
  orders: 4,
  postgres: 10,
  'cache-redis': 11,
  'state-redis': 12,
  // The cache as a cluster. The nodes speak to each other ten ports higher.
  'cache-redis-1': 21,
  'cache-redis-2': 22,
  'cache-redis-3': 23,
  'cache-redis-4': 24,
  'cache-redis-5': 25,
  'cache-redis-6': 26,
} as const;
export type Listener = keyof typeof portOffsets;
