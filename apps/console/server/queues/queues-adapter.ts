import { ExpressAdapter } from '@bull-board/express';
import { errorCatalogue } from '@catalog/contracts';
import { translate, type Logger } from '@catalog/service-kit';
import type { RequestHandler } from 'express';
import type { UserRole } from '@catalog/contracts';
import { signedIn } from '../sessions/access.ts';

type EntryRoute = Parameters<ExpressAdapter['setEntryRoute']>[0];
type ErrorHandler = Parameters<ExpressAdapter['setErrorHandler']>[0];
type Status = NonNullable<ReturnType<ErrorHandler>['status']>;

/**
 * The page of bull-board loads fonts from another host and has inline styles, which our policy refuses. Our own style comes
 * last, because some of its colours are too pale. A script names its icons. A link leads back to the console.
 */
function withoutForeignParts(page: string): string {
  return page
    .replaceAll(/<link\b[^>]*href="https?:[^>]*>/g, '')
    .replaceAll(/<div id="root">[\s\S]*?<\/style>\s*<\/div>/g, '<div id="root"></div>')
    .replace(
      '</head>',
      '<script src="/assets/theme.js"></script><script src="/assets/queues.js"></script><link href="/assets/queues.css" rel="stylesheet"></head>',
    )
    .replace(/<body[^>]*>/, '$&<nav aria-label="Console"><a class="to-console" href="/">Console</a></nav>');
}

/** The adapter of bull-board. Its page loads nothing from other hosts, and its errors show no internals. */
export class QueuesAdapter extends ExpressAdapter {
  readonly #log: Logger;

  constructor(role: UserRole, log: Logger) {
    super();
    this.#log = log;
    this.app.disable('x-powered-by');
    // For other roles Express goes on to the next board.
    const only: RequestHandler = (_req, res, next) =>
      next(signedIn(res).role === role ? undefined : 'router');
    this.app.use(only);
  }

  override setEntryRoute(route: EntryRoute): this {
    const { name, params } = route.handler({ basePath: this.basePath, uiConfig: this.uiConfig });
    this.app.get(route.route, (_req, res, next) => {
      res.render(name, params, (error: unknown, page?: string) => {
        if (page === undefined) next(error);
        else res.type('html').send(withoutForeignParts(page));
      });
    });
    return this;
  }

  override setErrorHandler(_theirs: ErrorHandler): this {
    return super.setErrorHandler((thrown) => {
      const error = translate(thrown);
      if (error.status >= 500) this.#log.error({ err: thrown }, 'the queue dashboard failed');
      const { title, cause } = errorCatalogue[error.code];
      return { status: error.status as Status, body: { error: title, message: cause } };
    });
  }
}
