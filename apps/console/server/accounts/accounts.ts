import { USER_PROFILE, type UserProfile, type UserRole } from '@catalog/contracts';
import { entityLoaders, loadSql, withTransaction, type Pool, type PoolClient } from '@catalog/database';
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
const insertFirstAdmin = loadSql(import.meta.url, './sql/insert-first-admin.sql');
const hasUsers = loadSql(import.meta.url, './sql/has-users.sql');
const put = loadSql(import.meta.url, './sql/put.sql');
const create = loadSql(import.meta.url, './sql/create.sql');
const setRole = loadSql(import.meta.url, './sql/set-role.sql');
const setPassword = loadSql(import.meta.url, './sql/set-password.sql');
const remove = loadSql(import.meta.url, './sql/remove.sql');
const lock = loadSql(import.meta.url, './sql/lock.sql');
const isLastAdmin = loadSql(import.meta.url, './sql/is-last-admin.sql');
const list = loadSql(import.meta.url, './sql/list.sql');

/** A user as an admin sees it. */
export interface ListedUser extends UserProfile {
  readonly createdAt: string;
  /** The last sign-in or action, if the audit log knows one. */
  readonly lastActedAt: string | null;
}

const toProfile = (row: Row): UserProfile => ({
  id: row.id,
  username: row.username,
  role: row.role,
  passwordChangedAt: row.password_changed_at,
});

/** The only admin must stay one, or nobody could manage anything any more. */
export class LastAdminError extends Error {}

/** The users who may sign in. They are stored in Postgres. */
export class Accounts {
  readonly #pool: Pool;
  readonly #hasher: PasswordHasher;

  constructor(pool: Pool, hasher: PasswordHasher) {
    this.#pool = pool;
    this.#hasher = hasher;
  }

  /** The account, if name and password are right. Takes the same time whether the name or the password is wrong. */
  async check(name: string, password: string): Promise<UserProfile | undefined> {
    // An impossible name is looked up too, so that it takes as long as a possible one.
    const { rows } = await this.#pool.query<Row>(findByUsername, [toUsername(name) ?? '']);
    const row = rows[0];
    const correct = await this.#hasher.verify(password, row?.password_hash);
    return correct && row !== undefined ? toProfile(row) : undefined;
  }

  /** The current profile from Postgres, because the role may have changed since sign-in. null for a removed user. */
  async find(id: string): Promise<UserProfile | null> {
    return (await entityLoaders(this.#pool)[USER_PROFILE.name]([id])).get(id)?.body ?? null;
  }

  /** Creates the first admin, but only while there are no users. Returns whether it did. */
  async createFirstAdmin(username: string, password: string): Promise<boolean> {
    const { rows } = await this.#pool.query<{ found: boolean }>(hasUsers);
    if (rows[0]?.found === true) return false;
    const hash = await this.#hasher.hash(password);
    return (await this.#pool.query(insertFirstAdmin, [username, hash])).rowCount === 1;
  }

  /**
   * Creates the user, or sets password and role and ends all sessions of the user. Returns whether the user is new.
   *
   * @throws LastAdminError
   */
  async put(username: string, password: string, role: UserRole): Promise<boolean> {
    const hash = await this.#hasher.hash(password);
    return this.#keepingAnAdmin(role === 'admin' ? undefined : username, async (client) => {
      const { rows } = await client.query<{ created: boolean }>(put, [username, hash, role]);
      return rows[0]?.created === true;
    });
  }

  /** Returns whether it did: a name belongs to one user. */
  async create(username: string, password: string, role: UserRole): Promise<boolean> {
    const hash = await this.#hasher.hash(password);
    return (await this.#pool.query(create, [username, hash, role])).rowCount === 1;
  }

  /**
   * Returns the id of the user; undefined when there is no such user.
   *
   * @throws LastAdminError
   */
  async setRole(username: string, role: UserRole): Promise<string | undefined> {
    return this.#keepingAnAdmin(role === 'admin' ? undefined : username, async (client) =>
      idIn(await client.query<{ id: string }>(setRole, [username, role])),
    );
  }

  /** Ends all sessions of the user. Returns the id of the user; undefined when there is no such user. */
  async setPassword(username: string, password: string): Promise<string | undefined> {
    const hash = await this.#hasher.hash(password);
    return idIn(await this.#pool.query<{ id: string }>(setPassword, [username, hash]));
  }

  /**
   * Returns the id of the user; undefined when there was no such user.
   *
   * @throws LastAdminError
   */
  async remove(username: string): Promise<string | undefined> {
    return this.#keepingAnAdmin(username, async (client) =>
      idIn(await client.query<{ id: string }>(remove, [username])),
    );
  }

  /** Makes a change after which `losing`, if it is given, is no admin. */
  #keepingAnAdmin<T>(losing: string | undefined, change: (client: PoolClient) => Promise<T>): Promise<T> {
    return withTransaction(this.#pool, async (client) => {
      await client.query(lock);
      if (losing !== undefined && (await client.query(isLastAdmin, [losing])).rowCount === 1)
        throw new LastAdminError(`${losing} is the only admin.`);
      return change(client);
    });
  }

  async list(): Promise<ListedUser[]> {
    return (await this.#pool.query<ListedUser>(list)).rows;
  }

  /** The id of the user with this name. */
  async idOf(username: string): Promise<string | undefined> {
    return idIn(await this.#pool.query<Row>(findByUsername, [username]));
  }
}

const idIn = ({ rows }: { rows: readonly { id: string }[] }): string | undefined => rows[0]?.id;
