/** Limits of every HTTP server of ours, each with its reason. */
export const httpLimits = {
  /** Node's own default, said aloud because a 431 names it. */
  headerBytes: 16 * 1024,
  /** Our callers sit next to us: headers that take longer come from somebody who holds sockets on purpose. */
  headers_ms: 4_000,
  /** The whole request, unless a service that takes long uploads says otherwise. */
  request_ms: 6_000,
  /** How often both are looked at; with it, a slow socket is gone within 8 s. */
  checkInterval_ms: 1_000,
  /** Longer than undici's 4 s, so that the client is the one to close an idle connection. */
  keepAlive_ms: 8_000,
  /** Far above what 2,000 callers need, far below the descriptors that Linux gives a process. */
  connections: 10_000,
  /**
   * Not ready, but serving, before the door closes. Nobody needs to be told here; where a balancer asks
   * /readyz every few seconds, the time belongs into the orchestrator's own pause before SIGTERM.
   */
  drainGrace_ms: 0,
  /** A caller that uses its connection at all uses it within this, and learns from the answer to leave. */
  drainLastWords_ms: 500,
  /** After an answer, what the client still has to send of its request gets this long. */
  rest_ms: 1_000,
  /** What is still in flight after this is cut off; Kubernetes kills after 30 s, the local stack after 10 s. */
  drain_ms: 8_000,
  /** JSON bodies, unless a route says otherwise; the largest valid product has about 115 KiB. */
  jsonBytes: 256 * 1024,
  /** Deeper than any body of ours; far from what could overflow a stack. */
  jsonDepth: 20,
  /** Elements of one array, or keys of one object: ten times what any contract of ours allows. */
  jsonMembers: 1_000,
} as const;
