// @ts-expect-error The package has no types.
import calculateSlot from 'cluster-key-slot';

/** Slots of a Redis Cluster. Each key is in one of them, and each slot belongs to one shard. */
export const slotCount = 16_384;

/** The slot of a key. Keys with the same part in braces share a slot: `a{tag}` and `b{tag}`. */
export const slotOf: (key: string) => number = calculateSlot as (key: string) => number;
