/** Numbers of the import, each with its reason. */
export const importLimits = {
  /** Characters of one record. The largest valid product has about 150,000; more is a broken quote or no product file. */
  record_chars: 1_000_000,
  /** Errors that an answer lists. A person corrects the first few and tries again; `failed` counts all. */
  listedErrors: 100,
  /**
   * Rows go to Postgres in pieces of about this size, each a COPY of its own: large enough that starting one costs
   * nothing, small enough for flat memory and for no snapshot to last, which would hold back vacuum.
   */
  copyPiece_chars: 256 * 1024,
  /** Progress is written at most this often; it is also the sign of life. */
  progress_ms: 500,
  /** An import that gave no sign of life for this long was left behind by a process that died. */
  abandoned_ms: 15_000,
  /** How long the result of a dry run is found: time to look at it and to correct the file. */
  dryRunFound_ms: 3_600_000,
  /** The errors that are listed, each with the longest field and message in the widest letters, fit. */
  dryRun_bytes: 128 * 1024,
  /** With all of that size they take a quarter of the memory of a small state Redis, which evicts nothing. */
  keptDryRuns: 500,
  /** A client that sends nothing for this long has gone away. */
  idle_ms: 60_000,
  /** What is left of the body is still read for this long before an early answer, else the client may never see it. */
  linger_ms: 1_000,
  /** Imports at once; each has a connection of its own. More would only wait for each other's locks. */
  simultaneous: 4,
  /** A row that somebody else changes is free in milliseconds, one of another import when that is applied. */
  lockTimeout_ms: 600_000,
  /** Sorting and joining a million staged rows by SKU without spilling more than needed. */
  workMemory_kB: 65_536,
  /** Whose turn it is to apply ends after this unless it is extended: others wait so long for one whose process died. */
  turnLock_ms: 30_000,
  /**
   * A million rows are applied in about a minute, so that one such import is waited for; fetch gives up on an answer
   * after five, and what is told should still be heard.
   */
  turnWait_ms: 120_000,
  /** Most imports are applied in less; the few that wait cost Redis nothing. */
  turnLook_ms: 100,
  /** Who has waited in vain met a long import, or several. */
  turnRetryAfter_s: 30,
  /** Long against what looking costs, short against the time that others wait for the locks of an import. */
  goneCheck_ms: 1_000,
  /** A try fails only when somebody else's commit got in between, so each failure means that others got on. */
  applyAttempts: 5,
} as const;

/** A whole upload. Small bodies have their own, shorter limit; this one only ends what would never end. */
export const uploadTimeout_ms = 6 * 3_600_000;

/** How imports connect to Postgres: statements take as long as the file is large. */
export const importPoolOptions = {
  max: importLimits.simultaneous,
  statementTimeout_ms: 0,
  lockTimeout_ms: importLimits.lockTimeout_ms,
} as const;
