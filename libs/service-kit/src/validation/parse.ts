import { CatalogError, printable, ruleText, type FieldError } from '@catalog/contracts';
import type { z } from 'zod';

export type Where = 'body' | 'query' | 'params' | 'header';

/** More would help nobody, and a client could make us write long answers. */
const maxErrors = 100;
const maxName = 100;

function place(path: readonly PropertyKey[], where: Where): Omit<FieldError, 'code' | 'message'> {
  if (where === 'body') {
    // RFC 6901 escapes "~" and "/" in names.
    const pointer = path
      .map((part) => `/${printable(String(part), maxName).replaceAll('~', '~0').replaceAll('/', '~1')}`)
      .join('');
    return { pointer };
  }
  const name = printable(path.map(String).join('.'), maxName);
  return where === 'header' ? { header: name } : { parameter: name };
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[part] : undefined,
    value,
  );
}

function* fieldErrors(issue: z.core.$ZodIssue, value: unknown, where: Where): Generator<FieldError> {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys)
      yield { ...place([...issue.path, key], where), code: 'unknown', message: 'is not known here' };
    return;
  }
  const given = valueAt(value, issue.path);
  if (where === 'query' && Array.isArray(given)) {
    yield { ...place(issue.path, where), code: 'repeated', message: 'must be given once' };
  } else if (issue.code === 'invalid_type' && given === undefined) {
    yield { ...place(issue.path, where), code: 'required', message: 'is required' };
  } else {
    yield { ...place(issue.path, where), code: issue.code, message: issue.message };
  }
}

/**
 * The checked value.
 *
 * @throws CatalogError `invalid_request`, whose `errors` name each field and the rule that it breaks
 */
export function parse<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where: Where,
): z.output<Schema> {
  const parsed = schema.safeParse(value, { error: ruleText });
  if (parsed.success) return parsed.data;
  const errors: FieldError[] = [];
  for (const issue of parsed.error.issues) {
    for (const error of fieldErrors(issue, value, where)) if (errors.length < maxErrors) errors.push(error);
  }
  const named = errors
    .slice(0, 3)
    .map((error) => `${error.pointer ?? error.parameter ?? error.header ?? ''} ${error.message}`.trim());
  const more = errors.length > named.length ? `; and ${errors.length - named.length} more` : '';
  const what = { body: 'The body', query: 'The query', params: 'The address', header: 'A header' }[where];
  throw new CatalogError('invalid_request', `${what} breaks a rule: ${named.join('; ')}${more}.`, { errors });
}
