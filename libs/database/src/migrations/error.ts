export type MigrationErrorCode =
  /** The folder's files are not numbered 1, 2, 3, … */
  | 'misnumbered'
  /** The database has migrations that this code does not know: run newer code. */
  | 'database_newer'
  /** A file was edited after it was applied: undo the edit and write a new migration. */
  | 'checksum_changed'
  /** The statement that failed is in `cause`; the migration was rolled back. */
  | 'failed';

export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly code: MigrationErrorCode;

  constructor(code: MigrationErrorCode, message: string, options?: { cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
