import { parseJson } from '@catalog/service-kit';

/**
 * What a person sent, for the log; undefined if it is no JSON that a service would read. The services limit the depth and the members of
 * JSON. Without these limits, a body of a megabyte takes twenty times as much memory until the service has answered, or nests so
 * deep that it cannot be written again.
 */
export function sentJson(body: Uint8Array): unknown {
  try {
    // The services pass over a byte order mark, and so does this.
    return parseJson(body);
  } catch {
    return undefined;
  }
}
