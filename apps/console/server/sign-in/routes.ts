import { CatalogError } from '@catalog/contracts';
import { parse, type Clock, type Logger } from '@catalog/service-kit';
import type { Express } from 'express';
import { z } from 'zod';
import type { Accounts } from '../accounts/accounts.ts';
import type { ActionLog } from '../audit-log/action-log.ts';
import { passwordRules } from '../accounts/rules.ts';
import { sendPage } from '../pages/layout.ts';
import { formBody, wantsPage } from '../pages/page-request.ts';
import { beginSession, endSession } from '../sessions/sessions.ts';
import { signInPage } from './page.ts';
import type { Throttle } from './throttle.ts';

const formSchema = z.strictObject({
  username: z.string().min(1).max(200),
  password: z.string().min(1).max(passwordRules.maxLength),
  next: z.string().max(2_000).default('/'),
});

/** Always a path of this console. Prevents redirects to other sites. */
export function localPath(next: unknown): string {
  if (typeof next !== 'string' || !next.startsWith('/')) return '/';
  // Resolves it as a browser does, because "//host", "/\host" and embedded tabs lead to other hosts.
  const base = 'http://console.invalid';
  const resolved = URL.canParse(next, base) ? new URL(next, base) : undefined;
  if (resolved === undefined || resolved.origin !== base) return '/';
  // "/.//host" resolves to the path "//host", which the browser then takes for a host: a path has one slash in front.
  return resolved.pathname.replace(/^[/\\]+/, '/') + resolved.search;
}

export interface SignInOptions {
  readonly accounts: Accounts;
  readonly throttle: Throttle;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
  readonly actions: Pick<ActionLog, 'record'>;
  readonly origin: string;
}

export function signInRoutes(app: Express, options: SignInOptions): void {
  const { accounts, throttle, log, actions } = options;

  app.get('/sign-in', (req, res) => {
    const next = localPath(req.query['next']);
    if (req.session.signedIn !== undefined) res.redirect(303, next);
    else {
      const hasEnded = req.query['ended'] !== undefined;
      sendPage(res, 200, { title: 'Sign in', main: signInPage({ next, hasEnded }) });
    }
  });

  app.post('/sign-in', formBody(), async (req, res) => {
    const form = parse(formSchema, req.body, 'body');
    const username = form.username.trim().toLowerCase();
    const address = req.ip ?? 'unknown';
    try {
      using attempt = await throttle.attempt(username, address);
      const account = await accounts.check(username, form.password);
      if (account === undefined)
        throw new CatalogError('unauthenticated', 'The user name or the password is wrong.');
      await attempt.succeeded();
      await beginSession(req, account, options.clock.now());
      log.info({ user: account.username, address }, 'signed in');
      void actions.record({
        username: account.username,
        action: 'session.sign-in',
        target: address,
        status: 200,
      });
      res.redirect(303, localPath(form.next));
    } catch (error) {
      if (!(error instanceof CatalogError) || error.status >= 500) throw error;
      // The log omits the name, because people sometimes type their password there.
      log.warn({ address, code: error.code }, 'a sign-in was refused');
      if (!wantsPage(req)) throw error;
      if (error.retryAfterSeconds !== undefined) res.set('Retry-After', String(error.retryAfterSeconds));
      const refused = error.code === 'rate_limited' ? waitText(error) : error.message;
      const next = localPath(form.next);
      sendPage(res, error.status, { title: 'Sign in', main: signInPage({ next, username, refused }) });
    }
  });

  app.post('/sign-out', async (req, res) => {
    const user = req.session.signedIn?.username;
    await endSession(req, res, options.origin);
    if (user !== undefined)
      void actions.record({ username: user, action: 'session.sign-out', target: undefined, status: 200 });
    res.redirect(303, '/sign-in');
  });
}

function waitText({ message, retryAfterSeconds = 0 }: CatalogError): string {
  const minutes = Math.ceil(retryAfterSeconds / 60);
  return `${message} Try again in ${minutes === 1 ? 'a minute' : `${minutes} minutes`}.`;
}
