/**
 * Values that attackers send. Each test sends all of them as every parameter of its service. A value that reached Postgres
 * as SQL would be a syntax error and so a 500, or would change the counts, or would take 10 s.
 */
export const hostileStrings: readonly string[] = [
  // They end a string and continue with SQL.
  `'`,
  `"`,
  `''`,
  `\\`,
  `\\'`,
  `' or '1'='1`,
  `" or "1"="1`,
  `x' or 1=1 --`,
  `'; drop table catalog.products; --`,
  `'; delete from catalog.stock; --`,
  `\\'; select pg_sleep(10); --`,
  `' || (select pg_sleep(10)) || '`,
  `$$; truncate catalog.orders cascade; $$`,
  `' union select version(), null, null --`,
  // For places where a number is expected.
  '1; drop table catalog.settings',
  '1 or 1=1',
  '-1',
  '1e999',
  '0x10',
  '99999999999999999999',
  'NaN',
  // Parameters, casts, arrays, search expressions and patterns.
  '$1',
  'x::int',
  '{a,b}',
  '(select 1)',
  `a' & !('b' <-> `,
  ':* | & ! ( )',
  '%',
  '_%\\',
  // Escaped twice, and characters that text in Postgres cannot hold.
  '%27%20or%201=1',
  'a\u0000b',
  'a\r\nb',
  '\ud800',
  '\u02bc or 1=1',
  // A UUID, a month and a SKU, each followed by SQL.
  `00000000-0000-7000-8000-000000000000' or true --`,
  `2026-01' or true --`,
  `LAMP-1'/**/or/**/true--`,
];

/** Words of Postgres or of our SQL. No answer may contain them. */
export const databaseWords: RegExp =
  /syntax error|postgres|tsquery|pg_[a-z]+ (?:does|is)|invalid input syntax|violates|relation "|SQLSTATE|at character \d+ of/i;

/** The values that a header may hold. HTTP clients refuse to send the others. */
export const hostileHeaderValues: readonly string[] = hostileStrings.filter((value) =>
  /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value),
);
