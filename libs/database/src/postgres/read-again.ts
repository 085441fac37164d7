import { setTimeout as pause } from 'node:timers/promises';

/** Those that were in the pool beside the one that was cut may be cut too, and not have been told yet. */
const attempts = 3;
/** Long enough to be told, short beside the time that a reader has. */
const pause_ms = 10;

/**
 * Does a read again, on another connection, where the one that it was sent on was cut before the answer came: when a
 * failover or an operator ends all sessions, nobody has to hear of it. Not for a Postgres that lets nobody in: that is for
 * the circuit breaker.
 *
 * @param read only reads, and takes its connection from a pool
 */
export async function readAgainIfCut<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      if (attempt === attempts || !wasCut(error)) throw error;
      await pause(attempt * pause_ms);
    }
  }
}

// PostgreSQL manual, appendix A: admin_shutdown, crash_shutdown. pg gives no code to what it says itself.
const codes = new Set(['57P01', '57P02', 'ECONNRESET', 'EPIPE']);
const messages = ['Connection terminated', 'Client has encountered a connection error'];

function wasCut(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: string };
  return code === undefined ? messages.some((text) => error.message.startsWith(text)) : codes.has(code);
}
