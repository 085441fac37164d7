import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { MigrationError } from './error.ts';

export interface Migration {
  readonly id: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file with Unix line ends. */
  readonly checksum: string;
}

/**
 * The first line of a migration that Postgres refuses in a transaction, such as CREATE INDEX CONCURRENTLY. After a crash the
 * runner repeats it, so it must be repeatable. infra/checks/locks.ts checks its form.
 */
const outsideMark = '-- outside a transaction\n';

export const runsOutside = ({ sql }: Migration): boolean => sql.startsWith(outsideMark);

const ours = new URL('../../migrations/', import.meta.url);

/** The migrations of a folder in order. Throws MigrationError unless they are numbered 1, 2, 3, … without a gap. */
export function readMigrations(folder: URL = ours): readonly Migration[] {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort();
  return files.map((file, index) => {
    const [, digits, name] = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file) ?? [];
    if (digits === undefined || name === undefined || Number(digits) !== index + 1) {
      throw new MigrationError('misnumbered', `${file}: expected NNNN_name.sql with the number ${index + 1}`);
    }
    const sql = readFileSync(new URL(file, folder), 'utf8').replaceAll('\r\n', '\n');
    return { id: index + 1, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
}
