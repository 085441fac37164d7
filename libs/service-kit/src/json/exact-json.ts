import { CatalogError } from '@catalog/contracts';
import { httpLimits } from '../http/limits.ts';
import { isExactNumber } from './exact-number.ts';
import { findInexactPlace } from './inexact-place.ts';

/**
 * Reads JSON that has one meaning only. `JSON.parse` keeps the last of two members with the same name, and rounds a number
 * that a double cannot hold: the client would never learn what was stored.
 *
 * One pass over the text refuses what nests too deep or has too many members, before the parser takes memory for it. The
 * same pass counts members and tests long numbers. Only if something is wrong, a slower reader finds where.
 *
 * @throws CatalogError `malformed_request` for text that is not JSON, or is too deep or too wide; `invalid_request` with the
 *   pointer of a repeated member or a number that is not exact. No error repeats a value.
 */
export function parseExactJson(text: string): unknown {
  const { members, allExact } = scan(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const position = /at position (\d+)/.exec((cause as Error).message)?.[1];
    const where = position === undefined ? '' : `: it breaks at character ${position}`;
    throw new CatalogError('malformed_request', `This is not valid JSON${where}.`, { cause });
  }
  if (!allExact || countMembers(value) !== members) {
    const found = findInexactPlace(text);
    throw new CatalogError('invalid_request', `The JSON breaks a rule: ${found.pointer} ${found.message}.`, {
      errors: [found],
    });
  }
  return value;
}

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const colon = 0x3a;
const backslash = 0x5c;

/** Sees each character once. The text may be broken: then the counts mean nothing, and `JSON.parse` refuses it. */
function scan(text: string): { members: number; allExact: boolean } {
  const { jsonDepth: maxDepth, jsonMembers: maxMembers, jsonMembersInAll: maxInAll } = httpLimits;
  /** The number of commas so far in the open array or object of each depth. */
  const commas = new Uint32Array(maxDepth + 1);
  let depth = 0;
  let members = 0;
  let allCommas = 0;
  let allExact = true;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === quote) index = endOfString(text, index + 1);
    else if (code === colon) members++;
    else if (code === comma) {
      const inThis = (commas[depth] ?? 0) + 2;
      if (inThis > maxMembers) {
        throw new CatalogError(
          'malformed_request',
          `The JSON has an array or object of more than ${maxMembers} members.`,
        );
      }
      commas[depth] = inThis - 1;
      if (++allCommas >= maxInAll) {
        throw new CatalogError('malformed_request', `The JSON has more than ${maxInAll} members in all.`);
      }
    } else if ((code >= 0x30 && code <= 0x39) || code === minus) {
      const end = endOfNumber(text, index + 1);
      // A double holds any 15 digits (DBL_DIG), so a short number needs no test.
      if (end - index > 15 || hasExponent(text, index, end))
        allExact &&= isExactNumber(text.slice(index, end));
      index = end - 1;
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > maxDepth)
        throw new CatalogError('malformed_request', `The JSON nests deeper than ${maxDepth} levels.`);
      commas[depth] = 0;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return { members, allExact };
}

/** @returns the position of the closing quote, or the end of the text */
function endOfString(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) return at;
    if (code === backslash) at++;
  }
  return text.length;
}

function endOfNumber(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    // Digits, ".", "+", "-", "E" and "e".
    if ((code >= 0x30 && code <= 0x39) || code === 0x2e || code === 0x2b || code === minus) at++;
    else if ((code | 0x20) === 0x65) at++;
    else break;
  }
  return at;
}

function hasExponent(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if ((text.charCodeAt(at) | 0x20) === 0x65) return true;
  return false;
}

/** The members of all objects in it. The depth is limited, so recursion is safe. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const each of value) count += countMembers(each);
    return count;
  }
  for (const key in value) {
    // "__proto__" is a plain member here: JSON.parse makes it one.
    count += 1 + countMembers((value as Record<string, unknown>)[key]);
  }
  return count;
}
