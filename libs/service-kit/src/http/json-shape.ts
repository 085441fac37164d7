import { CatalogError } from '@catalog/contracts';
import { httpLimits } from './limits.ts';

const quote = 0x22;
const backslash = 0x5c;

const comma = 0x2c;

/**
 * Refuses JSON that nests too deep, or that has an array or object with too many members. It runs before the parser, which
 * is recursive and takes memory: one pass over the bytes that ends at the first violation. Strings do not count.
 */
export function refuseShape(
  bytes: Uint8Array,
  { depth: maxDepth, members: maxMembers }: { depth: number; members: number } = {
    depth: httpLimits.jsonDepth,
    members: httpLimits.jsonMembers,
  },
): void {
  /** The number of commas so far in the open array or object of each depth. */
  const commas = new Uint32Array(maxDepth + 1);
  let depth = 0;
  let inString = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (inString) {
      if (byte === backslash) index++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > maxDepth)
        throw new CatalogError('malformed_request', `The JSON nests deeper than ${maxDepth} levels.`);
      commas[depth] = 0;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
    else if (byte === comma) {
      const members = (commas[depth] ?? 0) + 2;
      if (members > maxMembers)
        throw new CatalogError(
          'malformed_request',
          `The JSON has an array or object of more than ${maxMembers} members.`,
        );
      commas[depth] = members - 1;
    }
  }
}

const refused = new Set(['__proto__', 'constructor', 'prototype']);

/** Refuses keys through which a careless merge could change the prototype of all objects. */
export function refusePrototypeKeys(text: string, value: unknown): void {
  // Without these names and without escapes, which may spell them, there is nothing to look for.
  if (!/proto|constructor|\\u/.test(text)) return;
  const pending: { value: object; pointer: string }[] = [];
  const look = (value: unknown, pointer: string): void => {
    if (typeof value === 'object' && value !== null) pending.push({ value, pointer });
  };
  look(value, '');
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { value: holder, pointer } = next;
    for (const [key, inside] of Object.entries(holder)) {
      const at = `${pointer}/${key.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (!Array.isArray(holder) && refused.has(key)) {
        throw new CatalogError(
          'invalid_request',
          `The body breaks a rule: ${at} is a key that is not allowed.`,
          {
            errors: [{ pointer: at, code: 'forbidden_key', message: 'is a key that is not allowed' }],
          },
        );
      }
      look(inside, at);
    }
  }
}
