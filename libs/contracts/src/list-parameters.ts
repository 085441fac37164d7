/** How a query parameter holds a list, and how a search is written in one way. */

/**
 * The values of `a,b,"c, d"`. A quoted value may hold commas; `""` in it is a quote. An unquoted value keeps its spaces. Undefined
 * if the quotes are wrong.
 */
export function readList(text: string): string[] | undefined {
  const values: string[] = [];
  // No two neighbouring parts match the same character. Otherwise the time would grow with the square of the length.
  const value = /(?:\s*"((?:[^"]|"")*)"\s*|([^",]*))(,|$)/y;
  for (;;) {
    const found = value.exec(text);
    if (found === null) return undefined;
    values.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
    if (found[3] === '') return values;
  }
}

/** The parameter that `readList` reads. */
export const writeList = (values: readonly string[]): string =>
  values.map((value) => (/[",]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(',');

/**
 * The same text for all spellings of one search, because it becomes the key of a cached page: no case, no compatibility
 * forms, one kind of dash, no other punctuation, and each word once. The last word stays last, because it may be the start
 * of a word. Empty if the search has no word.
 */
export function canonicalSearch(text: string): string {
  const chunks = text
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFKC')
    .replaceAll(/[-_.\u2010-\u2015]+/gu, '-')
    .split(/[^-\p{L}\p{M}\p{N}]+/u)
    .map((chunk) => chunk.replaceAll(/^-+|-+$/gu, ''))
    .filter((chunk) => chunk !== '');
  const last = chunks.pop();
  if (last === undefined) return '';
  return [...[...new Set(chunks)].filter((chunk) => chunk !== last).toSorted(), last].join(' ');
}
