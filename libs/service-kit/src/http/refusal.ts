import type { IncomingMessage } from 'node:http';
import { CatalogError } from '@catalog/contracts';

/**
 * What Node's parser lets through and an intermediary may read differently than we do (RFC 9112, 3.2
 * and 11.2): two Host headers, a target that names a host of its own, odd transfer codings, TRACE.
 */
export function refusal(req: IncomingMessage): CatalogError | undefined {
  const target = req.url ?? '';
  if (target.charCodeAt(0) !== 0x2f) {
    if (target === '*' && req.method === 'OPTIONS') return undefined;
    return new CatalogError('malformed_request', 'The request target must be a path that starts with "/".');
  }
  if (req.method === 'TRACE') return new CatalogError('method_not_allowed', 'TRACE is not supported.');
  let hosts = 0;
  const headers = req.rawHeaders;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    // Lengths first: most names are told apart by them alone.
    if (name.length === hostLength && name.toLowerCase() === 'host') hosts++;
    else if (name.length === codingLength && name.toLowerCase() === 'transfer-encoding') {
      // Any other coding leaves the length of the body to the reader's opinion (RFC 9112, 6.3).
      if (headers[index + 1]?.toLowerCase() !== 'chunked') {
        return new CatalogError('malformed_request', 'The only Transfer-Encoding supported is chunked.');
      }
    }
  }
  // HTTP/1.0 knew no Host.
  if (hosts === 1 || (hosts === 0 && req.httpVersion === '1.0')) return undefined;
  return new CatalogError('malformed_request', 'There must be exactly one Host header.');
}

const hostLength = 'host'.length;
const codingLength = 'transfer-encoding'.length;
