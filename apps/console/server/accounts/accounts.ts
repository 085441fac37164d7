/** The people who may sign in, as Postgres has them. */
import { USER_PROFILE, type UserProfile, type UserRole } from '@catalog/contracts';
import { entityLoaders, loadSql, type Pool } from '@catalog/database';
import type { PasswordHasher } from './password-hash.ts';
import { toUsername } from './rules.ts';

interface Row {
  readonly id: string;
  readonly username: string;
  readonly role: UserRole;
  readonly password_hash: string;
  readonly password_changed_at: string;
}

const findByUsername = loadSql(import.meta.url, './sql/find-by-username.sql');
const insertFirst = loadSql(import.meta.url, './sql/insert-first.sql');
const any = loadSql(import.meta.url, './sql/any.sql');
const put = loadSql(import.meta.url, './sql/put.sql');
const remove = loadSql(import.meta.url, './sql/remove.sql');
const list = loadSql(import.meta.url, './sql/list.sql');

const toProfile = (row: Row): UserProfile => ({
  id: row.id,
  username: row.username,
  role: row.role,
  passwordChangedAt: row.password_changed_at,
});

export class Accounts {
  readonly #pool: Pool;
  readonly #hasher: PasswordHasher;

  constructor(pool: Pool, hasher: PasswordHasher) {
    this.#pool = pool;
    this.#hasher = hasher;
  }

  /** The account if name and password fit; takes the same time whether the name or the password is wrong. */
  async check(name: string, password: string): Promise<UserProfile | undefined> {
    // A name that cannot be is looked for all the same, for the time it takes.
    const { rows } = await this.#pool.query<Row>(findByUsername, [toUsername(name) ?? '']);
    const row = rows[0];
    const fits = await this.#hasher.verify(password, row?.password_hash);
    return fits && row !== undefined ? toProfile(row) : undefined;
  }

  /** As Postgres has it now: the role may have changed since sign-in. null if there is no such user any more. */
  async find(id: string): Promise<UserProfile | null> {
    return (await entityLoaders(this.#pool)[USER_PROFILE.name]([id])).get(id)?.body ?? null;
  }

  /** Makes the first admin; does nothing once there is anybody. True if it made one. */
  async putFirstAdmin(username: string, password: string): Promise<boolean> {
    const { rows } = await this.#pool.query<{ found: boolean }>(any);
    if (rows[0]?.found === true) return false;
    const hash = await this.#hasher.hash(password);
    return (await this.#pool.query(insertFirst, [username, hash])).rowCount === 1;
  }

  /** True if the user is new; else the user has a new password and role now, and no session any more. */
  async put(username: string, password: string, role: UserRole): Promise<boolean> {
    const hash = await this.#hasher.hash(password);
    const { rows } = await this.#pool.query<{ created: boolean }>(put, [username, hash, role]);
    return rows[0]?.created === true;
  }

  /** False if there was no such user. */
  async remove(username: string): Promise<boolean> {
    return (await this.#pool.query(remove, [username])).rowCount === 1;
  }

  async list(): Promise<{ username: string; role: UserRole; created_at: string }[]> {
    return (await this.#pool.query<{ username: string; role: UserRole; created_at: string }>(list)).rows;
  }
}
