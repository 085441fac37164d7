import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ListPage } from '@catalog/cache';
import type { Request, Response } from 'express';
import { LRUCache } from 'lru-cache';
import { sendCached } from './answer.ts';

/** Below this, the packets and the work of the client do not become fewer. */
const worthCompressing_bytes = 1_024;
/** Browsers send some 30 characters. Taking a longer list apart would take longer than the rest of the answer. */
const longestAccept = 200;
/** About 2,000 pages of 50 products. */
const kept_bytes = 16 * 1024 * 1024;
/** The id of the page, and the list links of the entry. */
const keptOverhead_bytes = 400;

/**
 * Sends list pages, compressed for clients that accept it. A page is compressed once, and its compressed bytes are kept for as
 * long as this process reads that page. A page that is not in Redis is sent as it is: its next reader gets other bytes, and
 * there would be compression for each request while Redis is away.
 *
 * Pages have no ETag. An answer with one would need a tag of its own for each coding (RFC 9110, 8.8.3).
 */
export class PageSender {
  readonly #compressed: LRUCache<string, Buffer, Buffer>;

  constructor(compress: (payload: Buffer) => Promise<Buffer> = promisify<Buffer, Buffer>(gzip)) {
    this.#compressed = new LRUCache({
      maxSize: kept_bytes,
      sizeCalculation: ({ byteLength }) => byteLength + keptOverhead_bytes,
      // Requests that come meanwhile wait for the same bytes.
      fetchMethod: (_id, _stale, { context }) => compress(context),
    });
  }

  async send(req: Request, res: Response, page: ListPage): Promise<void> {
    const { id, payload } = page;
    const isWorth = id !== undefined && payload.length >= worthCompressing_bytes;
    const isAccepted =
      (req.headers['accept-encoding']?.length ?? 0) <= longestAccept &&
      req.acceptsEncodings('gzip', 'identity') === 'gzip';
    const compressed =
      isWorth && isAccepted ? await this.#compressed.fetch(id, { context: payload }) : undefined;
    const encoding = compressed === undefined ? 'identity' : 'gzip';
    sendCached(res, { ...page, payload: compressed ?? payload, encoding });
  }
}
