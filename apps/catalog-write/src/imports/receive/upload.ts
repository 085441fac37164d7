import type { IncomingMessage } from 'node:http';
import { CatalogError } from '@catalog/contracts';
import { importLimits } from '../limits.ts';

/**
 * The body in chunks, read only as fast as the caller takes them. Fails when the client goes away before the end, or sends
 * less than `uploadLeast_bytes` in `uploadWindow_ms` of waiting for it: the time that this process takes does not count. A
 * caller that stops early leaves the connection open, so that it can still answer.
 */
export async function* uploadedBytes(
  req: IncomingMessage,
  {
    uploadWindow_ms: window_ms,
    uploadLeast_bytes: least_bytes,
  }: { readonly uploadWindow_ms: number; readonly uploadLeast_bytes: number } = importLimits,
): AsyncGenerator<Buffer> {
  let wake = (): void => {};
  let broken: unknown;
  let ended = false;
  const onReadable = (): void => wake();
  const onEnd = (): void => {
    ended = true;
    wake();
  };
  const onBroken = (error?: unknown): void => {
    broken ??= error ?? new Error('the connection was closed');
    wake();
  };
  req.on('readable', onReadable).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  let waited_ms = 0;
  let received = 0;
  try {
    for (;;) {
      // Everything that has arrived, in one piece, however small its chunks were.
      const chunk = req.read() as Buffer | null;
      if (chunk !== null) {
        received += chunk.length;
        yield chunk;
        continue;
      }
      if (ended) return;
      if (broken !== undefined) throw brokenUpload(broken);
      const began = performance.now();
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const timer = setTimeout(resolve, window_ms - waited_ms);
      await promise;
      clearTimeout(timer);
      waited_ms += performance.now() - began;
      if (waited_ms < window_ms) continue;
      if (received < least_bytes && req.readableLength === 0 && !ended) throw tooSlow(window_ms, least_bytes);
      waited_ms = 0;
      received = 0;
    }
  } finally {
    req.off('readable', onReadable).off('end', onEnd).off('error', onBroken).off('close', onBroken);
  }
}

function brokenUpload(cause: unknown): CatalogError {
  const message = 'The connection broke before the body was complete. Nothing has changed.';
  return new CatalogError('malformed_request', message, { cause });
}

function tooSlow(window_ms: number, least_bytes: number): CatalogError {
  return new CatalogError(
    'request_timeout',
    `The client sent less than ${least_bytes} bytes in ${window_ms / 1000} s. Nothing has changed.`,
  );
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
