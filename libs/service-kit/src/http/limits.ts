/** The limits of our HTTP servers, each with its reason. */
export const httpLimits = {
  /** The default of Node. It is written here because the text of a 431 names it. */
  headerBytes: 16 * 1024,
  /** Our callers are in the same network. Slower headers come from a client that holds sockets on purpose. */
  headers_ms: 4_000,
  /** For the whole request. A service that takes uploads sets a longer time. */
  request_ms: 6_000,
  /** How often Node checks both. With it, a slow socket is closed within 8 s. */
  checkInterval_ms: 1_000,
  /**
   * Load balancers keep idle connections for 60 s (AWS ALB, nginx). The balancer must close first. Otherwise it may send a
   * request while our FIN is on its way, and then its client gets a 502. `KEEP_ALIVE_SECONDS` changes this.
   */
  keepAlive_ms: 75_000,
  /** Far more than 2,000 callers need, and far fewer than the file descriptors of a process on Linux. */
  connections: 10_000,
  /** Of one address: a quarter. More than a service needs, and addresses of a proxy have no share. */
  connectionsOfAddress: 2_500,
  /** How long an answer 429 waits at least. */
  refusal_ms: 250,
  /** The time between two answers 429 or 401 of a process: a thousand a second, for about a fifth of a core. */
  refusalsApart_ms: 1,
  /** A caller that is refused should hear it before it gives up. */
  slowestRefusal_ms: 2_000,
  /** Requests of one address that are served in one turn of the event loop: a few milliseconds. */
  servedInTurn: 64,
  /**
   * And for this time: 64 usual requests take less. Some take a hundred times as long, such as one of a hundred large products.
   */
  firsts_ms: 5,
  /** For this time a turn serves requests that were sent ahead. A read that no cache answers takes about six turns. */
  turn_ms: 0.2,
  /** So many requests of one connection may wait. What the client sends behind them is not read before it is their turn. */
  readAhead: 4,
  /** A request that is longer is not compared with earlier ones. With a token it has about 700. Each connection keeps its own. */
  repeated_bytes: 8_192,
  /** What clients may send behind requests whose answers are under way. Beyond it, those that send more are cut off. */
  sentAhead_bytes: 16 * 1024 * 1024,
  /** A client that takes nothing of its answer for this long is gone, or holds our memory on purpose. */
  unread_ms: 10_000,
  /** What all clients may leave unread: an eighth of the memory of a container. */
  unread_bytes: 64 * 1024 * 1024,
  /**
   * How long a draining server is not ready but still accepts connections. 0, because an orchestrator can pause before
   * SIGTERM until its balancer has asked /readyz again.
   */
  drainGrace_ms: 0,
  /** A caller that uses its connection sends a request within this time, and its answer says that the connection ends. */
  drainLastAnswers_ms: 500,
  /** After an early answer, the client may send the rest of its request for this long. */
  rest_ms: 1_000,
  /** Then the server cuts off requests that are still in flight. Kubernetes kills after 30 s, the local stack after 10 s. */
  drain_ms: 8_000,
  /**
   * `/readyz` and `/metrics` are made at most this often. A check of readiness may be a query, and a text of metrics takes 2 ms.
   */
  operatorRuns_ms: 50,
  /** For JSON bodies. The largest valid product has about 115 KiB. */
  jsonBytes: 256 * 1024,
  /** A turn of the event loop reads and checks bodies of one caller for this time. The worst body takes a few milliseconds. */
  bodyTurn_ms: 2,
  /** JSON bodies of one caller that are received at once: 16 MiB at most. A complete body takes less than a millisecond. */
  bodiesOfCaller: 64,
  /** JSON bodies of one caller that wait for their turn. Node reads up to 64 KiB of each ahead. */
  waitingBodiesOfCaller: 256,
  /** Requests of one caller that wait for a turn at Postgres: 32 MiB if all have the largest product. */
  waitingRequestsOfCaller: 250,
  /** How long each of these requests waits: as long as a pool lets a transaction wait for a connection. */
  requestTurn_ms: 2_000,
  /** Deeper than any of our bodies, and far from the depth that could overflow the stack. */
  jsonDepth: 20,
  /** Elements of one array, or keys of one object: three times as many as our contracts allow. */
  jsonMembers: 300,
  /** All of them together: four times as many as the longest order has. A body of a few bytes each would take 100 ms. */
  jsonMembersInAll: 2_000,
} as const;
