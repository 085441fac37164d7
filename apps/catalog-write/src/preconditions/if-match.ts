import { CatalogError, etagOf, versionOfEtag, type Entity } from '@catalog/contracts';
import type { ExpectedVersion, NotChanged } from '@catalog/database';
import { type HeaderField, invalidHeader } from '@catalog/service-kit';
import type { Response } from 'express';
import { z } from 'zod';

/** Without a limit, one request could make the service try many versions. */
const maxTags = 100;

/** No row has this version. A change that expects it does nothing but find out whether the row exists. */
const noVersion = -1;

/**
 * The versions that `If-Match` allows (RFC 9110, 13.1.1): any, or those of the listed tags.
 *
 * The RFC compares strongly, so that a weak tag never matches. Our own tag counts in its weak form too: a proxy that
 * compresses an answer makes the tag weak, while the version that it names stays exact.
 *
 * @throws CatalogError `precondition_required` without the header, `invalid_request` when it is malformed
 */
export function parseIfMatch(entity: Entity, header: string | undefined): '*' | readonly number[] {
  if (header === undefined) {
    throw new CatalogError('precondition_required', 'Send If-Match with the ETag that you read, or "*".');
  }
  const value = header.trim();
  if (value === '*') return '*';
  const versions: number[] = [];
  let rest = value;
  for (let count = 0; ; count++) {
    // RFC 9110, 8.8.3: a tag contains any visible characters except the quote.
    const [matched, tag] = /^(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,[ \t]*|$)/.exec(rest) ?? [];
    if (matched === undefined || tag === undefined || count === maxTags) throw malformed();
    const version = versionOfEtag(entity, tag);
    if (version !== null) versions.push(version);
    rest = rest.slice(matched.length);
    if (rest === '') {
      if (matched.trimEnd().endsWith(',')) throw malformed();
      return versions;
    }
  }
}

/**
 * Makes a change under `If-Match`. At most one of several versions is the current one, so the change is made at most once.
 *
 * @throws CatalogError `not_found`, `version_changed`
 */
export async function changeIfMatch<T extends object>(
  allowed: '*' | readonly number[],
  change: (expected: ExpectedVersion) => Promise<T | NotChanged>,
): Promise<T> {
  const candidates: readonly ExpectedVersion[] =
    allowed === '*' ? ['*'] : allowed.length === 0 ? [noVersion] : allowed;
  for (const expected of candidates) {
    const outcome = await change(expected);
    if (outcome === 'missing') throw new CatalogError('not_found', 'There is nothing with this id.');
    // No stored row has a field with this name.
    if (!('changed' in outcome)) return outcome;
  }
  throw new CatalogError('version_changed', 'If-Match does not name the current version.');
}

function malformed(): CatalogError {
  return invalidHeader('If-Match', 'malformed', 'must be "*" or a list of entity tags in double quotes');
}

/** The versions that a change may replace. Every change needs it. */
export const ifMatch = (entity: Entity): HeaderField<'*' | readonly number[]> => ({
  name: 'If-Match',
  description: 'The ETags that were read, also in their weak form, or "*" to overwrite any version.',
  schema: z.string(),
  errors: ['precondition_required', 'version_changed'],
  read: (req) => parseIfMatch(entity, req.headers['if-match']),
});

/** For the document: the header of every write. */
export const describedVersion = {
  'Catalog-Version': 'The version that the write made. Send it as Min-Version to read it.',
};
/** For the document: the headers of `sendVersioned`. */
export const describedVersionAndTag = { ...describedVersion, ETag: 'For If-Match and If-None-Match.' };

/** Sends a row as JSON, with its version and with the tag that the next `If-Match` needs. */
export function sendVersioned(res: Response, entity: Entity, row: { readonly version: number }): void {
  res.set('ETag', etagOf(entity, row.version)).set('Catalog-Version', String(row.version)).json(row);
}
