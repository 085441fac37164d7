/** How long a session may be, each with its reason. */
export const sessionLimits = {
  /** ASVS 7.3.1: a screen that its user has left is nobody's after this. An open dashboard asks on its own and counts as use. */
  idle_ms: 30 * 60_000,
  /** ASVS 7.3.2: one working day, whatever happens in it. */
  absolute_ms: 12 * 3_600_000,
} as const;
