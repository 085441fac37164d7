/**
 * What is wrong with a value, in our own words. Zod's texts name its types and patterns, which a caller does not know. A
 * schema may have a text of its own, which goes first: `z.string().regex(…, { error: 'must be a month such as 2026-11' })`.
 */
import type { z } from 'zod';

/** `schema.safeParse(value, { error: ruleText })`. */
export const ruleText: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${typeName(issue.expected)}`;
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of: '}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return bound(issue.origin, 'least', issue.minimum, issue);
    case 'too_big':
      return bound(issue.origin, 'most', issue.maximum, issue);
    case 'invalid_format':
      return formats[issue.format] ?? 'has the wrong form';
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return `must not have ${issue.keys.join(', ')}`;
    case 'invalid_key':
      return `this name ${issue.issues[0]?.message ?? 'is not allowed'}`;
    case 'invalid_union':
      return unionText(issue.errors);
    default:
      return 'is not allowed';
  }
};

/** What a JSON value is called. */
const types: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  nan: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};
const typeName = (type: string): string => types[type] ?? `of the type ${type}`;

const formats: Readonly<Record<string, string>> = {
  email: 'must be an email address such as ann@example.com',
  url: 'must be an address such as https://example.com',
  uuid: 'must be a UUID',
  datetime: 'must be a time such as 2026-11-28T12:00:00Z',
  date: 'must be a day such as 2026-11-28',
};

/** What is counted, for values that are not numbers. */
const counted: Readonly<Record<string, string>> = {
  string: 'characters',
  array: 'elements',
  set: 'elements',
  map: 'members',
  object: 'members',
  record: 'members',
};

function bound(
  origin: string,
  side: 'least' | 'most',
  limit: number | bigint,
  { exact = false, inclusive = true }: { exact?: boolean | undefined; inclusive?: boolean | undefined },
): string {
  const unit = counted[origin];
  if (unit !== undefined && side === 'least' && limit === 1) return 'must not be empty';
  const how = exact ? 'exactly' : inclusive ? `at ${side}` : side === 'least' ? 'more than' : 'less than';
  return unit === undefined ? `must be ${how} ${limit}` : `must have ${how} ${limit} ${unit}`;
}

/** The rule of the alternative that fits the type of the value, or else all types that are allowed. */
function unionText(alternatives: readonly (readonly z.core.$ZodIssue[])[]): string {
  const isOtherType = (issue: z.core.$ZodIssue): boolean =>
    issue.code === 'invalid_type' && issue.path.length === 0;
  const meant = alternatives.find((issues) => !issues.some(isOtherType))?.[0];
  if (meant !== undefined) return meant.message;
  const allowed = alternatives.flatMap((issues) =>
    issues.flatMap((issue) => (issue.code === 'invalid_type' ? [typeName(issue.expected)] : [])),
  );
  return `must be ${[...new Set(allowed)].join(' or ')}`;
}
