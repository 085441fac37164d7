import type { Response } from 'express';
import { exportLimits } from './limits.ts';

/** Breaks the answer off when its client takes too little of it, or takes too long for all of it. */
export function cutOffWhenSlow(
  res: Pick<Response, 'writableNeedDrain' | 'destroy'> & {
    readonly socket: { readonly bytesWritten: number } | null;
  },
): NodeJS.Timeout {
  const { least_bytes, window_ms, most_ms } = exportLimits;
  let taken_bytes = 0;
  let windows = 0;
  return setInterval(() => {
    windows += 1;
    const { bytesWritten = 0 } = res.socket ?? {};
    const isSlow = res.writableNeedDrain && bytesWritten - taken_bytes < least_bytes;
    if (isSlow || windows * window_ms >= most_ms) res.destroy();
    taken_bytes = bytesWritten;
  }, window_ms);
}
