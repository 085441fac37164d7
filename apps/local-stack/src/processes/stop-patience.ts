/**
 * How long each kind of child may take to end before it is killed. Ctrl-C promises an end within 10 s: the services
 * end all at once, then the stores all at once, and a second is left for killing and clearing up.
 */
export const stopPatience_ms = {
  /** What a service still answers after this is cut off; none of ours takes that long for one answer. */
  service: 5_000,
  /** A fast shutdown writes a checkpoint. */
  postgres: 4_000,
  redis: 3_000,
} as const;
