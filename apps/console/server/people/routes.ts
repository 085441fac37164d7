/** Who may sign in. Every call needs an admin. */
import { CatalogError, userRoles } from '@catalog/contracts';
import { jsonBody, parse } from '@catalog/service-kit';
import type { Express, RequestHandler } from 'express';
import { z } from 'zod';
import { LastAdminError } from '../accounts/accounts.ts';
import { newPassword } from '../accounts/password-hash.ts';
import { passwordSchema, usernamePattern } from '../accounts/rules.ts';
import type { ActionLog } from '../audit-log/action-log.ts';
import { audited, noteActed } from '../audit-log/audited.ts';
import { requireRole } from '../sessions/access.ts';
import { noSuchUser, replacePassword, type PasswordDependencies } from './replace-password.ts';

const username = z.string().trim().toLowerCase().regex(usernamePattern, {
  error:
    'must have 1 to 64 characters of a-z, 0-9, ".", "_", "-", "@" and "+", and begin with a letter or digit',
});
const role = z.enum(userRoles);
/** Without one, the console makes one and shows it once. */
const password = passwordSchema.optional();

const newUser = z.strictObject({ username, role, password });
const changedRole = z.strictObject({ role });
const changedPassword = z.strictObject({ password });
const params = z.object({ username });

export interface PeopleDependencies extends PasswordDependencies {
  readonly actions: Pick<ActionLog, 'record'>;
}

export function peopleRoutes(app: Express, deps: PeopleDependencies): void {
  const { accounts, sessions, actions } = deps;
  const admin = requireRole('admin', { accounts });
  const body = jsonBody({ limitBytes: 8 * 1024 });
  const acts = (action: string): RequestHandler[] => [audited(actions, action), admin];

  app.get('/api/users', admin, async (_req, res) => {
    const users = await accounts.list();
    const data = users.map(async ({ id, passwordChangedAt, lastActedAt, ...user }) => {
      const open = await sessions.ofUser({ id, passwordChangedAt });
      const seen = [lastActedAt, ...open.map(({ lastSeenAt }) => lastSeenAt)].filter((at) => at !== null);
      return { ...user, lastSeenAt: seen.toSorted().at(-1) ?? null, sessions: open.length };
    });
    res.json({ data: await Promise.all(data) });
  });

  app.post('/api/users', ...acts('user.create'), body, async (req, res) => {
    const { username, role, password: given } = parse(newUser, req.body, 'body');
    noteActed(res, { target: username, detail: { role } });
    const password = given ?? newPassword();
    if (!(await accounts.create(username, password, role))) throw nameTaken(username);
    res.status(201).json({ username, ...(given === undefined && { password }) });
  });

  app.patch('/api/users/:username', ...acts('user.role'), body, async (req, res) => {
    const { username } = parse(params, req.params, 'params');
    const { role } = parse(changedRole, req.body, 'body');
    noteActed(res, { detail: { role } });
    const id = await accounts.setRole(username, role).catch(refuseLastAdmin);
    if (id === undefined) throw noSuchUser(username);
    res.status(204).end();
  });

  app.post('/api/users/:username/password', ...acts('user.password'), body, async (req, res) => {
    const { username } = parse(params, req.params, 'params');
    const { password: given } = parse(changedPassword, req.body, 'body');
    const password = given ?? newPassword();
    await replacePassword(deps, req, res, { username, password });
    res.json({ username, ...(given === undefined && { password }) });
  });

  app.delete('/api/users/:username', ...acts('user.remove'), async (req, res) => {
    const { username } = parse(params, req.params, 'params');
    const id = await accounts.remove(username).catch(refuseLastAdmin);
    if (id === undefined) throw noSuchUser(username);
    await sessions.endAll(id);
    res.status(204).end();
  });

  app.delete('/api/users/:username/sessions', ...acts('user.sign-out'), async (req, res) => {
    const { username } = parse(params, req.params, 'params');
    const id = await accounts.idOf(username);
    if (id === undefined) throw noSuchUser(username);
    res.json({ ended: await sessions.endAll(id) });
  });
}

const nameTaken = (username: string): CatalogError =>
  new CatalogError('conflict', `The name ${username} belongs to another user. Nothing was changed.`, {
    errors: [{ pointer: '/username', code: 'taken', message: 'belongs to another user' }],
  });

function refuseLastAdmin(error: unknown): never {
  if (!(error instanceof LastAdminError)) throw error;
  throw new CatalogError(
    'conflict',
    `${error.message} One admin must remain: make another user an admin first. Nothing was changed.`,
    {
      errors: [
        { pointer: '/role', code: 'last_admin', message: 'must stay admin while nobody else is an admin' },
      ],
      cause: error,
    },
  );
}
