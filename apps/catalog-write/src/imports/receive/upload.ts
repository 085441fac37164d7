import type { IncomingMessage } from 'node:http';
import { CatalogError } from '@catalog/contracts';
import { importLimits } from '../limits.ts';

/**
 * The body in chunks, read only as fast as the caller takes them. Fails when the client goes away before the end or
 * sends nothing for `idle_ms`. A caller that stops early leaves the connection open, so that it can still answer.
 */
export async function* uploadedBytes(req: IncomingMessage): AsyncGenerator<Buffer> {
  const onIdle = (): void => {
    const message = `The client sent nothing for ${importLimits.idle_ms / 1000} s.`;
    req.destroy(new CatalogError('request_timeout', message));
  };
  req.setTimeout(importLimits.idle_ms, onIdle);
  try {
    // The chunks of a request are Buffers unless an encoding is set.
    for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) yield chunk;
  } catch (cause) {
    if (cause instanceof CatalogError) throw cause;
    throw new CatalogError(
      'malformed_request',
      'The connection broke before the body was complete. Nothing has changed.',
      { cause },
    );
  } finally {
    req.setTimeout(0);
    req.off('timeout', onIdle);
  }
}

/**
 * Reads and drops the rest of the body for a moment. Call it before an answer that does not need the whole body: a
 * client that looks for the answer only after sending would otherwise find a closed connection.
 */
export async function discardRest(req: IncomingMessage): Promise<void> {
  if (req.complete || req.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, importLimits.linger_ms);
  req.once('end', resolve).once('close', resolve).once('error', resolve);
  req.resume();
  await promise;
  clearTimeout(timer);
}
