/** A server with a front for tests. Each answer repeats the address and the token of its request. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Express } from 'express';
import { createServiceApp, type ServiceDependencies } from './app.ts';
import {
  Found,
  type Front,
  type FrontAnswer,
  type PlainHeaders,
  plainHeaders,
  type PlainRequest,
  putInFront,
} from './front.ts';
import { clientClosedRequest } from './observe.ts';
import { endReady, type ReadyAnswer } from './ready-answer.ts';
import { startTestService } from './service.fixture.ts';

class FoundText extends Found {
  readonly began_ms = performance.now();
  readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }
}

/** Answers `/now/…` at once, and `/later/…` and `/found/…` later. Express answers all others, and takes its time for `/slow/…`. */
export class TestFront implements Front {
  /** The addresses of the requests that it has answered as repeated ones. */
  readonly repeated: string[] = [];
  /** `/later/…` waits for it. */
  waits: () => Promise<unknown> = () => nextTurn();
  readonly answerRepeated?: Required<Front>['answerRepeated'];
  readonly #deps: ServiceDependencies;

  constructor(deps: ServiceDependencies, takesRepeated: boolean) {
    this.#deps = deps;
    if (takesRepeated) this.answerRepeated = (request) => this.#answerRepeated(request);
  }

  answer(req: IncomingMessage, res: ServerResponse, found?: Found): FrontAnswer {
    const { url = '', method } = req;
    const headers = plainHeaders(req);
    if (method !== 'GET' || headers === undefined) return 'passedOn';
    const ready = this.#ready(found instanceof FoundText ? found.text : textOf(url, headers));
    if (url.startsWith('/now/')) {
      endReady(res, ready);
      return 'answered';
    }
    if (!/^\/(later|found)\//.test(url)) return 'passedOn';
    const waited = found === undefined ? this.waits() : Promise.resolve();
    void waited.then(() => endReady(res, ready));
    return 'later';
  }

  left({ series }: ReadyAnswer): void {
    this.#deps.metrics.httpRequest.observe('GET', series.labels.route, clientClosedRequest, 0);
  }

  #answerRepeated({ url, headers }: PlainRequest): ReturnType<Required<Front>['answerRepeated']> {
    if (url === '/now/broken') throw new SyntaxError('what the front has read is broken');
    const text = textOf(url, headers);
    const isOurs = /^\/(now|later|found)\//.test(url);
    if (isOurs) this.repeated.push(url);
    if (url.startsWith('/now/')) return this.#ready(text);
    if (url.startsWith('/later/')) return this.waits().then(() => this.#ready(text));
    return url.startsWith('/found/') ? this.waits().then(() => new FoundText(text)) : undefined;
  }

  #ready(body: string): ReadyAnswer {
    const series = this.#deps.metrics.httpRequest.series('GET', '/front', 200);
    return {
      status: 200,
      head: `Content-Length: ${body.length}\r\nX-Content-Type-Options: nosniff\r\n`,
      body,
      series,
      began_ms: performance.now(),
    };
  }
}

function textOf(url: string, { authorization }: Partial<PlainHeaders>): string {
  const text = `${url} of ${authorization}`;
  const size = sizes[/\w*$/.exec(url)?.[0] as keyof typeof sizes];
  return size === undefined ? text : text.padEnd(size);
}

/** In characters, by the end of the address. `medium` is more than the high-water mark of a socket. */
const sizes = { medium: 20_000, large: 1_000_000 };

/** @param takesRepeated false: `node:http` reads every request */
export async function startFront(takesRepeated = true) {
  let front: TestFront | undefined;
  const service = await startTestService({
    create(deps) {
      const routes = (app: Express) =>
        app.use((req, res) => {
          let length = 0;
          req.on('data', (chunk: Buffer) => (length += chunk.length));
          const { method, url } = req;
          const send = () => void res.send(`${method} ${textOf(url, req.headers)}, ${length} bytes`);
          req.on('end', () => (url.startsWith('/slow/') ? setTimeout(send, 5) : send()));
        });
      const app = createServiceApp({ ...deps, service: 'test', routes });
      front = new TestFront(deps, takesRepeated);
      putInFront(app, front);
      return app;
    },
  });
  return { service, front: front as TestFront, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}
