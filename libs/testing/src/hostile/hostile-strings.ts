/**
 * What attackers send where a value is expected; each test sends all of it as every parameter of its service. One that
 * came to Postgres as SQL would be a syntax error, and so a 500; would change what is counted; or would take 10 s.
 */
export const hostileStrings: readonly string[] = [
  // Out of a string, and on.
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
  // Where a number is expected.
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
  // Escaped once more, and what no text in Postgres may hold.
  '%27%20or%201=1',
  'a\u0000b',
  'a\r\nb',
  '\ud800',
  '\u02bc or 1=1',
  // A UUID, a month and a SKU with something behind them.
  `00000000-0000-7000-8000-000000000000' or true --`,
  `2026-01' or true --`,
  `LAMP-1'/**/or/**/true--`,
];

/** Words of Postgres or of our SQL that no answer may hold. */
export const databaseWords: RegExp =
  /syntax error|postgres|tsquery|pg_[a-z]+ (?:does|is)|invalid input syntax|violates|relation "|SQLSTATE|at character \d+ of/i;

/** Those of them that may stand in a header at all; the rest never leaves a client. */
export const hostileHeaderValues: readonly string[] = hostileStrings.filter((value) =>
  /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value),
);
