import { REQUEST_TIMEOUT_HEADER } from '@catalog/contracts';
import { backoff, pause } from '@catalog/runtime';
import type { TokenSigner } from '../auth/token-signer.ts';
import { CatalogProblem, CatalogUnavailable, errorOf } from '../errors.ts';
import { late, type Deadline } from './deadline.ts';
import { RetryBudget } from './retry-budget.ts';

export type CatalogService = 'catalog-read' | 'catalog-write';

export interface CatalogRequest {
  readonly service: CatalogService;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** From the root, URL-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Whether doing it twice has the same effect as doing it once. */
  readonly idempotent: boolean;
  /** The scope of its token; unless set, that of reads or writes. */
  readonly scope?: string;
}

/** A request whose answer has no end of its own. */
export interface StreamRequest {
  readonly service: CatalogService;
  readonly path: string;
  readonly scope: string;
}

export interface CatalogAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** Callbacks for metrics. */
export interface ClientEvents {
  retried?(request: { service: CatalogService; method: string; path: string }, error: Error): void;
}

interface TransportOptions {
  readonly urls: Readonly<Partial<Record<CatalogService, string>>>;
  readonly signer: TokenSigner | undefined;
  readonly events: ClientEvents;
}

const maxAttempts = 3;
/** Limits the attempt of an idempotent request, so that a server that accepts a connection but never answers costs only this. */
const attempt_ms = 2_000;
const maxRetryPause_ms = backoff({ first_ms: 100, most_ms: 1_000 });
/** Opening a stream reads its first page. */
const openStream_ms = 15_000;
const scopes = { 'catalog-read': 'catalog:read', 'catalog-write': 'catalog:write' } as const;

/** Sends requests with a token, within a deadline, and retries them when that is safe. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #budgets = { 'catalog-read': new RetryBudget(), 'catalog-write': new RetryBudget() };

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /**
   * @returns an answer with a status below 400
   * @throws CatalogProblem, CatalogUnavailable, ServiceKeyError, or the reason of the caller's own signal
   */
  async send(request: CatalogRequest, deadline: Deadline): Promise<CatalogAnswer> {
    const { service, method, path } = request;
    this.#budgets[service].deposit();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#sendWithToken(request, deadline);
      } catch (error) {
        deadline.signal?.throwIfAborted();
        if (!(error instanceof Error) || attempt === maxAttempts) throw error;
        const pause_ms = retryPause_ms(request, error, attempt);
        if (pause_ms === undefined || pause_ms >= deadline.remaining_ms) throw error;
        if (!this.#budgets[service].withdraw()) throw error;
        this.#options.events.retried?.({ service, method, path }, error);
        await pause(pause_ms, deadline.signal);
        deadline.signal?.throwIfAborted();
      }
    }
  }

  /**
   * Opens a stream of server-sent events, once.
   *
   * @throws CatalogProblem, CatalogUnavailable, ServiceKeyError
   */
  open({ service, path, scope }: StreamRequest, signal: AbortSignal): Promise<Response> {
    return this.#withToken(service, scope, async (token) => {
      // The headers come with the first page. Then the stream goes on for as long as it is read.
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), openStream_ms);
      try {
        const response = await fetch(this.#address(service, path), {
          redirect: 'error',
          signal: AbortSignal.any([signal, late.signal]),
          headers: { Accept: 'text/event-stream', ...authorization(token) },
        });
        if (response.status >= 400) throw errorOf(response.status, response.headers, await response.text());
        if (response.headers.get('Content-Type')?.startsWith('text/event-stream') === true) return response;
        await response.body?.cancel();
        throw new CatalogUnavailable('unreachable', `${service} answered without a stream.`);
      } catch (error) {
        if (error instanceof CatalogProblem || error instanceof CatalogUnavailable) throw error;
        throw new CatalogUnavailable('unreachable', `${service} cannot be reached.`, { cause: error });
      } finally {
        clearTimeout(timer);
      }
    });
  }

  #sendWithToken(request: CatalogRequest, deadline: Deadline): Promise<CatalogAnswer> {
    const { service, scope = scopes[service] } = request;
    return this.#withToken(service, scope, (token) => this.#sendOnce(request, deadline, token));
  }

  async #withToken<T>(
    service: CatalogService,
    scope: string,
    send: (token: string | undefined) => Promise<T>,
  ): Promise<T> {
    const { signer } = this.#options;
    if (signer === undefined) return send(undefined);
    try {
      return await send(await signer.token(service, scope));
    } catch (error) {
      // A refused token had no effect, so any request can be sent again. The key may have been replaced.
      if (!(error instanceof CatalogProblem) || error.code !== 'unauthenticated') throw error;
      signer.dropRefused(service);
      return send(await signer.token(service, scope));
    }
  }

  #address(service: CatalogService, path: string): string {
    const url = this.#options.urls[service];
    if (url === undefined)
      throw new TypeError(`the catalog client was created without the URL of ${service}`);
    return `${url}${path}`;
  }

  async #sendOnce(
    { service, method, path, headers, body, idempotent }: CatalogRequest,
    deadline: Deadline,
    token: string | undefined,
  ): Promise<CatalogAnswer> {
    const address = this.#address(service, path);
    const { remaining_ms } = deadline;
    if (remaining_ms < 1) throw late();
    const timeout = AbortSignal.timeout(
      Math.ceil(idempotent ? Math.min(attempt_ms, remaining_ms) : remaining_ms),
    );
    const signal = deadline.signal === undefined ? timeout : AbortSignal.any([timeout, deadline.signal]);
    let response: Response;
    let text: string;
    try {
      response = await fetch(address, {
        method,
        signal,
        redirect: 'error',
        headers: {
          ...headers,
          [REQUEST_TIMEOUT_HEADER]: String(Math.floor(remaining_ms)),
          ...authorization(token),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch (error) {
      if (timeout.aborted) throw late(error);
      throw new CatalogUnavailable('unreachable', `${service} cannot be reached.`, { cause: error });
    }
    if (response.status >= 400) throw errorOf(response.status, response.headers, text);
    return { status: response.status, headers: response.headers, body: text };
  }
}

const authorization = (token: string | undefined): Record<string, string> =>
  token === undefined ? {} : { Authorization: `Bearer ${token}` };

/** @returns undefined when the request must not be sent again */
function retryPause_ms({ idempotent }: CatalogRequest, error: Error, attempt: number): number | undefined {
  // Full jitter, so that callers that failed together do not come back together.
  const jitter_ms = Math.random() * maxRetryPause_ms(attempt);
  if (error instanceof CatalogProblem) {
    // With 429 nothing has happened yet. 409 with Retry-After means a short conflict with another request.
    const worthwhile = error.status === 429 || (idempotent && error.status === 409);
    return worthwhile && error.retryAfter_ms !== undefined ? error.retryAfter_ms + jitter_ms : undefined;
  }
  if (!(error instanceof CatalogUnavailable)) return undefined;
  if (!idempotent && !wasNeverSent(error)) return undefined;
  return (error.retryAfter_ms ?? 0) + jitter_ms;
}

/** `fetch` puts the reason into the cause of its own error. */
function wasNeverSent(error: CatalogUnavailable): boolean {
  const cause = (error.cause as { cause?: { code?: unknown } } | undefined)?.cause;
  return cause?.code === 'ECONNREFUSED' || cause?.code === 'ENOTFOUND' || cause?.code === 'EAI_AGAIN';
}
