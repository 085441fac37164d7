/**
 * `npm run migrate`: brings a database to the schema of this code. DATABASE_DIRECT_URL, or a file that
 * DATABASE_DIRECT_URL_FILE names, holds the owner's connection. LOGINS_FILE may name a JSON object of passwords by role:
 * these roles may sign in afterwards. With CHANGE_SOURCE=slot the role of the worker may read the change slot.
 */
import { readFileSync } from 'node:fs';
import { migrate } from './migrations/migrate.ts';
import { provisionLogins, slotReaders } from './migrations/provision.ts';

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

function readOrFail(variable: string): string | undefined {
  const file = process.env[variable];
  if (file === undefined || file === '') return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    return fail(`${variable}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function readLogins(): Record<string, string> {
  const text = readOrFail('LOGINS_FILE');
  if (text === undefined) return {};
  try {
    return JSON.parse(text) as Record<string, string>;
  } catch {
    return fail('LOGINS_FILE: it must hold a JSON object of passwords by role');
  }
}

const url = process.env['DATABASE_DIRECT_URL'] || readOrFail('DATABASE_DIRECT_URL_FILE');
if (url === undefined || url === '')
  fail(
    "DATABASE_DIRECT_URL or DATABASE_DIRECT_URL_FILE must be set: the owner's connection, not through a pooler",
  );
const logins = readLogins();
const changeSource = process.env['CHANGE_SOURCE'] || 'outbox';
if (!['outbox', 'slot'].includes(changeSource)) fail('CHANGE_SOURCE: must be "outbox" or "slot"');
const log = {
  info: (details: object, message: string) => console.log(JSON.stringify({ ...details, msg: message })),
};
try {
  const { current, applied } = await migrate(url, { log });
  log.info({ current, applied: applied.length }, 'the schema is current');
  await provisionLogins(url, logins, slotReaders(changeSource));
  if (Object.keys(logins).length > 0) log.info({ roles: Object.keys(logins) }, 'the roles may sign in');
} catch (error) {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode = 1;
}
