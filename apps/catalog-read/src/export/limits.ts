/** Numbers of the export, each with its reason. */
export const exportLimits = {
  /** At once in a process. Each holds a connection and a snapshot, and reads the whole table. */
  simultaneous: 3,
  /** At once for one caller: two, because the console is one caller, and gives one place to a person. */
  simultaneousPerCaller: 2,
  /**
   * A client that takes less than this in this time is cut off: its snapshot keeps vacuum from removing dead rows, of the
   * outbox too. 1 KiB/s is a hundredth of a slow line.
   */
  least_bytes: 20 * 1024,
  window_ms: 20_000,
  /** However fast its client is, an export ends after this time: the snapshot again. It is enough for 600 MB at 170 KB/s. */
  most_ms: 3_600_000,
  retryAfter_s: 10,
} as const;
