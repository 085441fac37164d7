/** One caller that sends as much as it can, on many connections. */
import { Agent } from 'node:http';

export interface Shot {
  readonly method: string;
  readonly paths: readonly string[];
}

export interface Flood {
  readonly url: string;
  /** One for each connection. */
  readonly shots: readonly Shot[];
  readonly time_ms: number;
}

/** A connection from one of 250 addresses. Each is a caller of its own. Only Linux has these addresses by default. */
export const agentAt = (n: number): Agent =>
  new Agent({
    keepAlive: true,
    ...(process.platform === 'linux' && { localAddress: `127.0.3.${(n % 250) + 1}` }),
  });
