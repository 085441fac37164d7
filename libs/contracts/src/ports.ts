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
} as const;
export type Listener = keyof typeof portOffsets;
