/** Numbers of the import, each with its reason. */
export const importLimits = {
  /** Characters of one record. The largest valid product has about 150,000. A longer record has an unclosed quote, or is no product. */
  record_chars: 1_000_000,
  /** Errors that an answer lists. A person corrects the first few and tries again. `failed` counts all. */
  listedErrors: 100,
  /**
   * Rows go to Postgres in pieces of about this size, each in its own COPY. A piece is large enough that the start of a
   * COPY costs little. It is small enough to keep memory flat and snapshots short, because a snapshot holds back vacuum.
   */
  copyPiece_chars: 256 * 1024,
  /**
   * What the records of one import may take in Postgres until they are applied: five million usual products. `temp_file_limit` of
   * Postgres does not count temporary tables, so without this limit one caller could fill the disk.
   */
  staged_bytes: 2 ** 30,
  /** What Postgres needs for a row besides its values. */
  rowOverhead_bytes: 60,
  /** How often an import writes its progress, which is also its heartbeat. */
  progress_ms: 500,
  /** Without a heartbeat for this long, the process of an import has died. */
  abandoned_ms: 15_000,
  /** How long the result of a dry run can be read: enough time to look at it and to correct the file. */
  dryRunResult_ms: 3_600_000,
  /** Changed rows that a dry run lists, and the characters that they may take as JSON. `fields` counts all. */
  listedChanges: 100,
  listedChanges_chars: 32 * 1024,
  /** Characters of a value in such a list. */
  listedValue_chars: 200,
  /** Characters of the field and of the message of an error. */
  errorField_chars: 200,
  errorMessage_chars: 300,
  /** Holds all listed errors and changes in the widest characters. */
  dryRun_bytes: 320 * 1024,
  /** If all have the largest size, they take a quarter of the memory of a small state Redis, which evicts nothing. */
  keptDryRuns: 200,
  /** Of one caller. Others then find room for theirs. */
  keptDryRunsPerCaller: 100,
  /**
   * An upload that sends less than this in this time of waiting for it is refused: 1 KiB/s, a hundredth of a slow line. A
   * slower one would hold one of the few places of imports for hours.
   */
  uploadLeast_bytes: 20 * 1024,
  uploadWindow_ms: 20_000,
  /** Other requests wait no longer than this for the parser, besides one part of a chunk. */
  turn_ms: 10,
  /** A chunk of 64 KiB may hold 20,000 bad records, and takes 200 ms. */
  part_chars: 4_096,
  /** After an early answer the rest of the body is still read for this long. Without that, the client may miss the answer. */
  linger_ms: 1_000,
  /** Imports that run at once, each on its own connection. More of them would only wait for each other's locks. */
  simultaneous: 4,
  /** Of one caller, so that no caller can keep the others out. */
  simultaneousPerCaller: 2,
  /** Another change frees a row within milliseconds, another import when it has been applied. */
  lockTimeout_ms: 600_000,
  /** Enough to sort and join a million staged rows by SKU with little spilling to disk. */
  workMemory_kB: 65_536,
  /** The turn lock expires after this unless it is extended. When its holder dies, the others wait this long. */
  turnLock_ms: 30_000,
  /**
   * A million rows are applied in about a minute, so an import can wait for one of that size. `fetch` gives up on an
   * answer after five minutes, and the client should still hear the refusal.
   */
  turnWait_ms: 120_000,
  /** How often a waiting import asks for the turn. Most imports are applied in less time, and few wait at once. */
  turnPoll_ms: 100,
  /** A caller that times out here is waiting behind one or more long imports. */
  turnRetryAfter_s: 30,
  /** How often Postgres checks that the client is connected: rare compared with its cost, short for those who wait for locks. */
  clientCheck_ms: 1_000,
  /** An attempt fails only when another commit came in between, so the others make progress with each failure. */
  applyAttempts: 5,
} as const;

/** For a whole upload. Small bodies have a shorter limit of their own; this one ends an upload that never finishes. */
export const uploadTimeout_ms = 6 * 3_600_000;

/** How imports connect to Postgres. The time of a statement grows with the file, so it has no limit. */
export const importPoolOptions = {
  max: importLimits.simultaneous,
  statementTimeout_ms: 0,
  lockTimeout_ms: importLimits.lockTimeout_ms,
  // Each import stages its rows in a temporary table.
  isDirect: true,
} as const;
