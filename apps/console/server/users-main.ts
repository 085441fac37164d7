/**
 * Manages users from the command line: `list`, `put NAME --role admin|editor|viewer`, `remove NAME`. It reads the password from
 * the standard input. On a terminal it generates one and prints it. Needs DATABASE_URL.
 */
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { createPool } from '@catalog/database';
import { ConfigError, databaseConfig, defineConfig } from '@catalog/service-kit';
import { userRoles } from '@catalog/contracts';
import { Accounts, LastAdminError } from './accounts/accounts.ts';
import { createPasswordHasher, newPassword } from './accounts/password-hash.ts';
import { passwordRules, toUsername } from './accounts/rules.ts';

/** A mistake of the person at the terminal, shown without a stack. */
class UsageError extends Error {}

async function chosenPassword(): Promise<{ password: string; generated: boolean }> {
  if (process.stdin.isTTY) return { password: newPassword(), generated: true };
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  if (password.length < passwordRules.minLength || password.length > passwordRules.maxLength)
    throw new UsageError(
      `The password on the standard input must have ${passwordRules.minLength} to ${passwordRules.maxLength} characters.`,
    );
  return { password, generated: false };
}

function commandLine(): { command: string; name: string; role: string } {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { role: { type: 'string', default: 'viewer' } },
    });
    const [command = '', name = ''] = positionals;
    return { command, name, role: values.role };
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

async function run(accounts: Accounts): Promise<void> {
  const { command, name, role: roleName } = commandLine();
  const username = toUsername(name);
  if (command === 'list') {
    for (const user of await accounts.list())
      console.log(`${user.username}  ${user.role}  ${user.createdAt}`);
    return;
  }
  if (command !== 'put' && command !== 'remove')
    throw new UsageError(
      'Unknown command. Use: list | put NAME --role admin|editor|viewer | remove NAME (npm run users -- --help)',
    );
  if (username === undefined)
    throw new UsageError(
      'A user name has 1 to 64 characters of a-z, 0-9, ".", "_", "-", "@" and "+". It starts with a letter or digit.',
    );
  if (command === 'remove') {
    if ((await accounts.remove(username)) === undefined)
      throw new UsageError(`There is no user ${username}.`);
    console.log(`removed ${username}; open sessions end within seconds`);
    return;
  }
  const role = userRoles.find((one) => one === roleName);
  if (role === undefined) throw new UsageError(`The role must be one of: ${userRoles.join(', ')}.`);
  const { password, generated } = await chosenPassword();
  const created = await accounts.put(username, password, role);
  if (created) console.log(`created ${username} (${role})`);
  else console.log(`changed ${username} (${role}); older sessions end within seconds`);
  if (generated) console.log(`password: ${password}`);
}

try {
  const { DATABASE_URL } = defineConfig({ DATABASE_URL: databaseConfig.DATABASE_URL });
  const pool = createPool({ url: DATABASE_URL, applicationName: 'console users', max: 1 });
  try {
    await run(new Accounts(pool, createPasswordHasher()));
  } finally {
    await pool.end();
  }
} catch (error) {
  const expected = error instanceof UsageError || error instanceof ConfigError;
  if (error instanceof LastAdminError)
    console.error(
      `${error.message} Make another user an admin first: npm run users -- put NAME --role admin`,
    );
  else console.error(expected ? error.message : error);
  process.exitCode = 1;
}
