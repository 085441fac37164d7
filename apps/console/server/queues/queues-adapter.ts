import { ExpressAdapter } from '@bull-board/express';
import { errorCatalogue } from '@catalog/contracts';
import { PacedTurns, translate, type Logger } from '@catalog/service-kit';
import type { RequestHandler } from 'express';
import type { UserRole } from '@catalog/contracts';
import { signedIn } from '../sessions/access.ts';

type EntryRoute = Parameters<ExpressAdapter['setEntryRoute']>[0];
type ApiRoutes = Parameters<ExpressAdapter['setApiRoutes']>[0];
type Call = NonNullable<Parameters<ApiRoutes[number]['handler']>[0]>;
type ErrorHandler = Parameters<ExpressAdapter['setErrorHandler']>[0];
type Status = NonNullable<ReturnType<ErrorHandler>['status']>;

/** Of one person. A look reads all jobs of its page, and each may have five hundred changes. */
const boardLimits = { what: 'looks at queues', atOnce: 1, waiting: 20, wait_ms: 5_000 } as const;
/** As the board asks for by itself, of each state. */
const mostJobsPerPage = 10;

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
  readonly #turns = new PacedTurns(boardLimits);
  /** bull-board gives its handlers nothing of a request but its parts. */
  readonly #people = new WeakMap<object, string>();

  constructor(role: UserRole, log: Logger) {
    super();
    this.#log = log;
    this.app.disable('x-powered-by');
    // For other roles Express goes on to the next board.
    const only: RequestHandler = (req, res, next) => {
      const person = signedIn(res);
      this.#people.set(req.headers, person.username);
      next(person.role === role ? undefined : 'router');
    };
    this.app.use(only);
  }

  override setApiRoutes(routes: ApiRoutes): this {
    const inTurn = (handler: ApiRoutes[number]['handler']) => async (call?: Call) => {
      if (call === undefined) return handler();
      const person = this.#people.get(call.headers) ?? '';
      return this.#turns.run(person, async () => handler({ ...call, query: withShortPages(call.query) }));
    };
    super.setApiRoutes(routes.map((route) => ({ ...route, handler: inTurn(route.handler) })));
    return this;
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

function withShortPages(query: Call['query']): Call['query'] {
  const asked = Number(query['jobsPerPage']);
  return asked > mostJobsPerPage ? { ...query, jobsPerPage: String(mostJobsPerPage) } : query;
}
