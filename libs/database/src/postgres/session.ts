/**
 * Settings that our SQL and the parsers of the driver depend on. A server, a database or a role may have other defaults.
 *
 * Not here: `default_transaction_read_only`, which an operator sets on purpose, and `lc_messages`, which only a superuser
 * may set. So no code reads the messages of Postgres: errors are told apart by SQLSTATE and routine.
 */
export const sessionSettings: Readonly<Record<string, string>> = {
  // The parsers read ISO 8601; each other style fails or swaps day and month.
  datestyle: 'ISO, MDY',
  timezone: 'UTC',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  // The shortest text from which the same double is read.
  extra_float_digits: '1',
  // Triggers and retries are written for it. A transaction that needs another level names it.
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  // NULL in an array parameter is a null, not a text.
  array_nulls: 'on',
  transform_null_equals: 'off',
  // Backslashes in literals, such as those of our regular expressions.
  standard_conforming_strings: 'on',
  // A limit would leave out random hits of a search.
  gin_fuzzy_search_limit: '0',
};

/**
 * For the roles of the services, so that a session of a pooler has them too: a pooler in transaction mode shares its sessions
 * between clients and ignores what a client sends at the start. The times are the defaults of `createPool`.
 */
export const roleSettings: Readonly<Record<string, string>> = {
  ...sessionSettings,
  statement_timeout: '5s',
  lock_timeout: '2s',
  idle_in_transaction_session_timeout: '30s',
};

/** The startup parameter `options` for a connection of our own, which pins these settings without a round trip. */
export const sessionOptions = optionsOf(sessionSettings);

/** Settings as the startup parameter `options`: blanks and backslashes in a value are escaped. */
export function optionsOf(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\\s]/g, String.raw`\$&`)}`)
    .join(' ');
}
