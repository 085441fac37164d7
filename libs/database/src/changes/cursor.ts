import { createHash } from 'node:crypto';
import { CatalogError } from '@catalog/contracts';
import { z } from 'zod';
import { isSnapshot } from './snapshot.ts';

const version = z.int().min(0);
/** The end of the year 9999. */
const lastMoment_ms = 253_402_300_799_999;
const momentSchema = z.object({
  snapshot: z.custom<string>(isSnapshot),
  /** When the snapshot was taken, or up to a millisecond later. */
  time_ms: z.int().min(0).max(lastMoment_ms),
  /** A version that was committed before the snapshot. Transactions that began after the snapshot draw only later ones. */
  newest: version,
  /** Below all versions that the open transactions of the snapshot had drawn. */
  openAfter: z.int(),
});
/** A moment of the database, as a follower remembers it. */
export type Moment = z.infer<typeof momentSchema>;

const cursorSchema = z
  .object({
    incarnation: z.string(),
    /** The follower has seen all changes that were committed then. */
    seen: momentSchema,
    /** Of the changes between `seen` and `moment`, the follower has seen those up to the version `after`. */
    next: z.object({ moment: momentSchema, after: version }).optional(),
    /** The follower still reads the products that existed at `seen`, and has read those up to this id; null at the beginning. */
    existing: z.union([z.uuid(), z.null()]).optional(),
  })
  // With a smaller `after`, a page would search changes that the follower has already seen.
  .refine(({ seen, next }) => next === undefined || next.after >= Math.min(seen.newest, seen.openAfter));
export type ChangeCursor = z.infer<typeof cursorSchema>;

/** Of SHA-256, so that a cursor that was cut or mixed up is noticed. It is no signature: a cursor grants nothing. */
const checkBytes = 6;
const checkOf = (json: Buffer): Buffer => createHash('sha256').update(json).digest().subarray(0, checkBytes);

export function writeCursor(cursor: ChangeCursor): string {
  const json = Buffer.from(JSON.stringify(cursor));
  return Buffer.concat([checkOf(json), json]).toString('base64url');
}

/**
 * @param parameter what carried it, for the error
 * @throws CatalogError `invalid_request`
 */
export function readCursor(text: string, where: { parameter: string } | { header: string }): ChangeCursor {
  const bytes = Buffer.from(text, 'base64url');
  const json = bytes.subarray(checkBytes);
  // Node skips characters that are no base64url. Only a text that we wrote survives the round trip.
  const isOurs = bytes.toString('base64url') === text && bytes.subarray(0, checkBytes).equals(checkOf(json));
  const parsed = isOurs ? cursorSchema.safeParse(parseJson(json)) : undefined;
  if (parsed?.success === true) return parsed.data;
  const [name] = Object.values(where);
  const message = 'is not a cursor that this service gave';
  throw new CatalogError('invalid_request', `${name} ${message}.`, {
    errors: [{ ...where, code: 'malformed', message }],
  });
}

/** A correct checksum does not prove that the bytes are JSON: anybody can compute it. */
function parseJson(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString());
  } catch {
    return undefined;
  }
}
