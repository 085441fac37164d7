import { setTimeout as pause } from 'node:timers/promises';
import { REQUEST_TIMEOUT_HEADER } from '@catalog/contracts';
import type { TokenSigner } from '../auth/token-signer.ts';
import { CatalogProblem, CatalogUnavailable, errorOf } from '../errors.ts';
import { late, type Deadline } from './deadline.ts';
import { RetryBudget } from './retry-budget.ts';

export type CatalogService = 'catalog-read' | 'catalog-write';

export interface CatalogRequest {
  readonly service: CatalogService;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** From the root, encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Whether doing it twice is the same as doing it once. */
  readonly repeatable: boolean;
}

export interface CatalogAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** What happens inside, for metrics. */
export interface ClientEvents {
  retried?(request: { service: CatalogService; method: string; path: string }, error: Error): void;
}

interface TransportOptions {
  readonly urls: Readonly<Partial<Record<CatalogService, string>>>;
  readonly signer: TokenSigner | undefined;
  readonly events: ClientEvents;
}

const maxAttempts = 3;
/** A server that accepts a connection and then says nothing costs this much of the deadline, not all of it. */
const attempt_ms = 2_000;
const firstPause_ms = 50;
const scopes = { 'catalog-read': 'catalog:read', 'catalog-write': 'catalog:write' } as const;

/** Requests with a token, within a deadline, repeated where that is safe. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #budgets = { 'catalog-read': new RetryBudget(), 'catalog-write': new RetryBudget() };

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /**
   * Answers what is below 400.
   *
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
        const pause_ms = pauseBeforeRepeating(request, error, attempt);
        if (pause_ms === undefined || pause_ms >= deadline.remaining_ms) throw error;
        if (!this.#budgets[service].withdraw()) throw error;
        this.#options.events.retried?.({ service, method, path }, error);
        // Aborted, it throws an error of its own and not the reason that the caller gave.
        await pause(pause_ms, undefined, { signal: deadline.signal }).catch(() => undefined);
        deadline.signal?.throwIfAborted();
      }
    }
  }

  async #sendWithToken(request: CatalogRequest, deadline: Deadline): Promise<CatalogAnswer> {
    const { signer } = this.#options;
    const { service } = request;
    if (signer === undefined) return this.#sendOnce(request, deadline, undefined);
    try {
      return await this.#sendOnce(request, deadline, await signer.token(service, scopes[service]));
    } catch (error) {
      // Nothing has happened yet, whatever the request was. A key that was replaced is read anew.
      if (!(error instanceof CatalogProblem) || error.code !== 'unauthenticated') throw error;
      signer.refused(service);
      return this.#sendOnce(request, deadline, await signer.token(service, scopes[service]));
    }
  }

  async #sendOnce(
    { service, method, path, headers, body, repeatable }: CatalogRequest,
    deadline: Deadline,
    token: string | undefined,
  ): Promise<CatalogAnswer> {
    const url = this.#options.urls[service];
    if (url === undefined) throw new TypeError(`this client was made without the address of ${service}`);
    const { remaining_ms } = deadline;
    if (remaining_ms < 1) throw late();
    const timeout = AbortSignal.timeout(
      Math.ceil(repeatable ? Math.min(attempt_ms, remaining_ms) : remaining_ms),
    );
    const signal = deadline.signal === undefined ? timeout : AbortSignal.any([timeout, deadline.signal]);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${url}${path}`, {
        method,
        signal,
        redirect: 'error',
        headers: {
          ...headers,
          [REQUEST_TIMEOUT_HEADER]: String(Math.floor(remaining_ms)),
          ...(token !== undefined && { Authorization: `Bearer ${token}` }),
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

/** How long to wait before the request is made again; undefined where it must not be. */
function pauseBeforeRepeating(
  { repeatable }: CatalogRequest,
  error: Error,
  attempt: number,
): number | undefined {
  // Full jitter: callers that failed together do not come back together.
  const jitter_ms = Math.random() * firstPause_ms * 2 ** attempt;
  if (error instanceof CatalogProblem) {
    // 429: refused before anything happened. 409 with Retry-After: somebody else was in the way, and will not be for long.
    const worthwhile = error.status === 429 || (repeatable && error.status === 409);
    return worthwhile && error.retryAfter_ms !== undefined ? error.retryAfter_ms + jitter_ms : undefined;
  }
  if (!(error instanceof CatalogUnavailable)) return undefined;
  if (!repeatable && !wasNeverSent(error)) return undefined;
  return (error.retryAfter_ms ?? 0) + jitter_ms;
}

/** fetch hides the reason in the cause of its own error, and one for each address in an AggregateError. */
function wasNeverSent(error: CatalogUnavailable): boolean {
  const cause = (error.cause as { cause?: { code?: unknown } } | undefined)?.cause;
  return cause?.code === 'ECONNREFUSED' || cause?.code === 'ENOTFOUND' || cause?.code === 'EAI_AGAIN';
}
