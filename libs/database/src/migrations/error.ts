export type MigrationErrorCode =
  /** The files of the folder are not numbered 1, 2, 3, … */
  | 'misnumbered'
  /** The database has later migrations than this code: run newer code. */
  | 'database_newer'
  /** The database has other migrations than this code, by name or by checksum. */
  | 'different_history'
  /** Another session held a lock for too long; the message names the session and its statement. */
  | 'locked'
  /** `cause` is the error of the statement; Postgres has rolled the migration back. */
  | 'failed';

export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly code: MigrationErrorCode;

  constructor(code: MigrationErrorCode, message: string, options?: { cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
