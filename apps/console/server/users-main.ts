/**
 * Who may sign in, from the command line: `list`, `put NAME --role admin|viewer`, `remove NAME`. The password
 * comes from the standard input, or is drawn and printed where that is a terminal. Needs DATABASE_URL.
 */
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { createPool } from '@catalog/database';
import { ConfigError, databaseConfig, defineConfig } from '@catalog/service-kit';
import { userRoles } from '@catalog/contracts';
import { Accounts } from './accounts/accounts.ts';
import { createPasswordHasher } from './accounts/password-hash.ts';
import { passwordRules, toUsername } from './accounts/rules.ts';

/** A mistake of the person at the terminal. */
class Mistake extends Error {}

async function askedPassword(): Promise<{ password: string; drawn: boolean }> {
  if (process.stdin.isTTY) return { password: randomBytes(18).toString('base64url'), drawn: true };
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  if (password.length < passwordRules.minLength || password.length > passwordRules.maxLength)
    throw new Mistake(
      `The password must have ${passwordRules.minLength} to ${passwordRules.maxLength} characters; it comes from the standard input.`,
    );
  return { password, drawn: false };
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
    throw new Mistake(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

async function run(accounts: Accounts): Promise<void> {
  const { command, name, role: roleName } = commandLine();
  const username = toUsername(name);
  if (command === 'list') {
    for (const user of await accounts.list())
      console.log(`${user.username}  ${user.role}  ${user.created_at}`);
    return;
  }
  if (command !== 'put' && command !== 'remove')
    throw new Mistake('Say list, put NAME --role admin|viewer, or remove NAME.');
  if (username === undefined)
    throw new Mistake(
      'A user name has up to 64 of a-z, 0-9, ".", "_", "-", "@" and "+", and starts with a letter or digit.',
    );
  if (command === 'remove') {
    if (!(await accounts.remove(username))) throw new Mistake(`There is no user ${username}.`);
    console.log(`${username} is removed; open sessions end within seconds`);
    return;
  }
  const role = userRoles.find((one) => one === roleName);
  if (role === undefined) throw new Mistake(`The role is one of ${userRoles.join(', ')}.`);
  const { password, drawn } = await askedPassword();
  const created = await accounts.put(username, password, role);
  console.log(`${username} (${role}) is ${created ? 'made' : 'changed; older sessions end within seconds'}`);
  if (drawn) console.log(`password: ${password}`);
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
  const told = error instanceof Mistake || error instanceof ConfigError;
  console.error(told ? error.message : error);
  process.exitCode = 1;
}
