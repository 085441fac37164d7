import { etagOf, type Entity } from '@catalog/contracts';
import type { Response } from 'express';

/** For the document: the header of every write. */
export const describedVersion = {
  'Catalog-Version': 'The version that the write made. Send it as Min-Version to read it.',
};
/** For the document: the headers of `sendVersioned`. */
export const describedVersionAndTag = { ...describedVersion, ETag: 'For If-Match and If-None-Match.' };

/** Sends a row as JSON, with the version that it has now. */
export function sendVersioned(res: Response, entity: Entity, row: { readonly version: number }): void {
  res.set('ETag', etagOf(entity, row.version)).set('Catalog-Version', String(row.version)).json(row);
}
