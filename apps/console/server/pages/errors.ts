import { CatalogError, errorCatalogue } from '@catalog/contracts';
import { requestIdOf, translate, type Logger } from '@catalog/service-kit';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import { html } from './html.ts';
import { sendPage } from './layout.ts';
import { wantsPage } from './page-request.ts';

/** Answers a browser whose address matches no route. */
export const noSuchPage: RequestHandler = (req, _res, next) => {
  if (wantsPage(req)) next(new CatalogError('no_route', 'Check it, or begin on the overview.'));
  else next();
};

/** Answers errors as pages to browsers. Other clients get the problem document of the service kit. */
export function errorPages(log: Logger): ErrorRequestHandler {
  return (thrown: unknown, req, res, next) => {
    const error = translate(thrown);
    if (!wantsPage(req) || res.headersSent) {
      next(thrown);
      return;
    }
    if (error.code === 'unauthenticated' && (req.method === 'GET' || req.method === 'HEAD')) {
      const wanted = req.originalUrl === '/' ? '' : `?next=${encodeURIComponent(req.originalUrl)}`;
      res.redirect(302, `/sign-in${wanted}`);
      return;
    }
    if (error.status >= 500)
      log.error({ err: error.cause ?? error, requestId: requestIdOf(req) }, 'a page failed');
    if (error.retryAfterSeconds !== undefined)
      res.set('Retry-After', String(Math.ceil(error.retryAfterSeconds)));
    const { title, cause } = errorCatalogue[error.code];
    sendPage(res, error.status, {
      title,
      signedIn: res.locals.signedIn,
      main: html`<section class="notice">
        <p class="code">${error.status}</p>
        <h1>${title}</h1>
        <p>${error.code === 'internal_error' ? cause : error.message}</p>
        <p class="fine">Request ${requestIdOf(req)}</p>
        <p><a class="button" href="/">To the overview</a></p>
      </section>`,
    });
  };
}
