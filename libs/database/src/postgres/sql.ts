import { readFileSync } from 'node:fs';

/** The text of an SQL file beside the calling module: `loadSql(import.meta.url, './load.sql')`. */
export function loadSql(moduleUrl: string, file: string): string {
  return readFileSync(new URL(file, moduleUrl), 'utf8');
}
