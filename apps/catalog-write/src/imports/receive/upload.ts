import type { IncomingMessage } from 'node:http';
import { CatalogError } from '@catalog/contracts';
import { importLimits } from '../limits.ts';

/**
 * The body in chunks, read only as fast as they are taken. Fails when the client goes away before the end, or sends
 * nothing for a while. Leaving it early does not close the connection, so that an answer can still be sent.
 */
export async function* uploadedBytes(req: IncomingMessage): AsyncGenerator<Buffer> {
  const onIdle = (): void => {
    req.destroy(new CatalogError('request_timeout', `Nothing came for ${importLimits.idle_ms / 1000} s.`));
  };
  req.setTimeout(importLimits.idle_ms, onIdle);
  try {
    // Node gives a request's chunks as Buffer unless an encoding is set.
    for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) yield chunk;
  } catch (cause) {
    if (cause instanceof CatalogError) throw cause;
    throw new CatalogError(
      'malformed_request',
      'The connection broke before the body was complete; nothing has changed.',
      { cause },
    );
  } finally {
    req.setTimeout(0);
    req.off('timeout', onIdle);
  }
}

/**
 * Before an answer that does not wait for the rest of the body: reads on and drops it for a moment. A client that only
 * looks for answers after sending would else meet a closed connection.
 */
export async function dropRest(req: IncomingMessage): Promise<void> {
  if (req.complete || req.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, importLimits.linger_ms);
  req.once('end', resolve).once('close', resolve).once('error', resolve);
  req.resume();
  await promise;
  clearTimeout(timer);
}
