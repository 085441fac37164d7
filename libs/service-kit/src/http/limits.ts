/** Limits of every HTTP server of ours, each with its reason. */
export const httpLimits = {
  /** Node's own default, said aloud because a 431 names it. */
  headerBytes: 16 * 1024,
  /** Our callers sit next to us: headers that take longer come from somebody who holds sockets on purpose. */
  headers_ms: 5_000,
  /** The whole request, unless a service that takes long uploads says otherwise. */
  request_ms: 8_000,
  /** How often both are looked at; with it, a slow socket is gone within 9 s. */
  checkInterval_ms: 1_000,
  /** Longer than undici's 4 s, so that the client is the one to close an idle connection. */
  keepAlive_ms: 8_000,
  /** Far above what 2,000 callers need, far below the descriptors that Linux gives a process. */
  connections: 10_000,
  /** While draining: callers learn from `Connection: close` and /readyz to go elsewhere before the door closes. */
  drainGrace_ms: 300,
  /** Connections that were accepted in the last moment get this long to say what they came for. */
  drainLastWords_ms: 100,
  /** After an answer, what the client still has to send of its request gets this long. */
  rest_ms: 1_000,
  /** What is still in flight after this is cut off; Kubernetes kills after 30 s, the local stack after 10 s. */
  drain_ms: 8_000,
  /** JSON bodies, unless a route says otherwise; the largest valid product has about 115 KiB. */
  jsonBytes: 256 * 1024,
  /** Deeper than any body of ours; far from what could overflow a stack. */
  jsonDepth: 20,
} as const;
