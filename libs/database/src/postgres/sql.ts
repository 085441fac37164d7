import { readFileSync } from 'node:fs';

/** The text of an SQL file beside the calling module: `loadSql(import.meta.url, './load.sql')`. */
export function loadSql(moduleUrl: string, file: string): string {
  return readFileSync(new URL(file, moduleUrl), 'utf8');
}

/** Puts fixed SQL in the place of marks such as `:conditions`, and leaves the comments out. Values are always bound. */
export function fillIn(sql: string, marks: Readonly<Record<string, string>>): string {
  return sql
    .replaceAll(/^--.*\n/gm, '')
    .replaceAll(/(?<!:):([a-z_]+)/g, (whole, name: string) => marks[name] ?? whole);
}
