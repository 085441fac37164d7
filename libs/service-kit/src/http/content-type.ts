import type { IncomingMessage } from 'node:http';
import { CatalogError } from '@catalog/contracts';

/** The media type of the body in lower case, if it is one of `types`, in UTF-8 and not compressed; else 415. */
export function requireContentType(req: IncomingMessage, types: readonly string[]): string {
  const refuse = (detail: string): never => {
    throw new CatalogError('unsupported_media_type', `${detail} This address takes ${types.join(', ')}.`);
  };
  const given = req.headers['content-type'];
  if (given === undefined) return refuse('There is no Content-Type.');
  const [type = '', ...parameters] = given.split(';').map((part) => part.trim().toLowerCase());
  if (!types.includes(type)) return refuse('The Content-Type is not supported.');
  for (const parameter of parameters) {
    const charset = /^charset="?([^"]*)"?$/.exec(parameter)?.[1];
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
      return refuse('The charset must be UTF-8.');
  }
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return refuse('A Content-Encoding is not supported.');
  return type;
}
