import { Client } from 'pg';
import { roleSettings, sessionOptions } from '../postgres/session.ts';
import { loadSql } from '../postgres/sql.ts';
import { retryOnCatalogRace } from './catalog-race.ts';

const statementFor = loadSql(import.meta.url, './provision.sql');
const settingsFor = loadSql(import.meta.url, './role-settings.sql');

/** The roles that may read the change slot. None may unless the slot is the source, because a slot gives access to every table. */
export const slotReaders = (changeSource: string | undefined): readonly string[] =>
  changeSource === 'slot' ? ['invalidation_worker'] : [];

/**
 * Lets roles sign in: `{ catalog_read: 'its password' }`, and gives them the settings of a session in this database. Call it
 * again to change a password. `migrate` must have created the roles.
 *
 * @param replicating roles that get the attribute REPLICATION. Other roles keep theirs
 */
export async function provisionLogins(
  ownerUrl: string,
  passwords: Readonly<Record<string, string>>,
  replicating: readonly string[] = [],
): Promise<void> {
  const client = new Client({
    connectionString: ownerUrl,
    application_name: 'catalog-provision',
    connectionTimeoutMillis: 10_000,
    options: sessionOptions,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    for (const [role, password] of Object.entries(passwords)) {
      // ALTER ROLE takes no parameters, so Postgres itself quotes role and password.
      const { rows } = await client.query<{ statement: string }>(statementFor, [role, password, replicating]);
      const statement = rows[0]?.statement;
      if (statement === undefined) throw new Error(`there is no role ${role}: migrate first`);
      await retryOnCatalogRace(() => client.query(statement));
      const values = [role, Object.keys(roleSettings), Object.values(roleSettings)];
      const settings = await client.query<{ statement: string }>(settingsFor, values);
      const set = settings.rows[0]?.statement ?? '';
      await retryOnCatalogRace(() => client.query(set));
    }
  } finally {
    await client.end();
  }
}
