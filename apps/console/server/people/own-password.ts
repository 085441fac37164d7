import { CatalogError } from '@catalog/contracts';
import { jsonBody, parse } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
import { passwordRules, passwordSchema } from '../accounts/rules.ts';
import type { ActionLog } from '../audit-log/action-log.ts';
import { audited, noteActed } from '../audit-log/audited.ts';
import { signedIn } from '../sessions/access.ts';
import type { Throttle } from '../sign-in/throttle.ts';
import { replacePassword, type PasswordDependencies } from './replace-password.ts';

const body = z.strictObject({
  present: z.string().max(passwordRules.maxLength),
  password: passwordSchema,
});

/** All users may change their own password. An open session is not enough: they must also type the present one (ASVS 6.2.3). */
export function ownPasswordRoute(
  app: Express,
  deps: PasswordDependencies & { throttle: Throttle; actions: Pick<ActionLog, 'record'> },
): void {
  const guards = [audited(deps.actions, 'user.password'), jsonBody({ limitBytes: 8 * 1024 })];
  app.put('/api/me/password', ...guards, async (req, res) => {
    const { username } = signedIn(res);
    noteActed(res, { target: username });
    const { present, password } = parse(body, req.body, 'body');
    // Guesses count as those at the sign-in do.
    using attempt = await deps.throttle.attempt(username, req.ip ?? 'unknown');
    if ((await deps.accounts.check(username, present)) === undefined)
      throw new CatalogError('invalid_request', 'This is not your present password. Nothing was changed.', {
        errors: [{ pointer: '/present', code: 'wrong', message: 'is not your present password' }],
      });
    await attempt.succeeded();
    await replacePassword(deps, req, res, { username, password });
    res.status(204).end();
  });
}
