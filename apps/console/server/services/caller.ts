/** Calls the other services over HTTP. Its tokens name the signed-in user. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { CatalogError } from '@catalog/contracts';
import type { SignToken } from './service-key.ts';

export type ServiceName = 'catalog-read' | 'catalog-write' | 'invalidation-worker' | 'orders';
/** `orders` is optional. */
export type ServiceUrls = Readonly<Record<ServiceName, string | undefined>>;

/** The name of a person in tokens, and so in the history of products and in the logs of the services. */
export const subjectOf = (username: string): string => `console:${username}`;

export interface ServiceCall {
  readonly service: ServiceName;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly scope: string;
  readonly username: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer<ArrayBuffer> | IncomingMessage;
  readonly timeout_ms?: number;
  /** For a stream, which ends with its token. */
  readonly tokenLifetime_s?: number;
  /** Aborts when the person has gone away. */
  readonly signal?: AbortSignal;
}

/** The worker's longest answer is the purge of everything, which scans the whole cache. */
const patience_ms = 30_000;

export class ServiceCaller {
  readonly urls: ServiceUrls;
  readonly #sign: SignToken;

  constructor(urls: ServiceUrls, sign: SignToken) {
    this.urls = urls;
    this.#sign = sign;
  }

  /** The answer of the service, whatever its status. Throws `CatalogError` `unavailable` when there is none. */
  async call(call: ServiceCall): Promise<Response> {
    const { service, method, path, body, signal } = call;
    const url = this.urls[service];
    if (url === undefined) throw new CatalogError('not_found', `This console knows no service ${service}.`);
    const token = await this.#sign({
      subject: subjectOf(call.username),
      audience: service,
      scope: call.scope,
      ...(call.tokenLifetime_s !== undefined && { lifetime_s: call.tokenLifetime_s }),
    });
    const timeout = AbortSignal.timeout(call.timeout_ms ?? patience_ms);
    const streamed = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body);
    let response: Response;
    try {
      response = await fetch(url + path, {
        method,
        headers: { ...call.headers, Authorization: `Bearer ${token}` },
        redirect: 'manual',
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        ...(body !== undefined && {
          body: streamed ? (Readable.toWeb(body) as ReadableStream<Uint8Array<ArrayBuffer>>) : body,
        }),
        ...(streamed && { duplex: 'half' as const }),
      });
    } catch (cause) {
      throw new CatalogError('unavailable', noAnswer(service, method), { retryAfterSeconds: 1, cause });
    }
    // Both are about the key of the console, so the person at the screen cannot correct them.
    if (response.status === 401 || response.status === 403) {
      const text = (await response.text()).slice(0, 1_000);
      throw new Error(`${service} refused the key of the console (${response.status}): ${text}`);
    }
    return response;
  }
}

function noAnswer(service: ServiceName, method: string): string {
  const changes = method !== 'GET' && method !== 'HEAD';
  const detail = `The service ${service} does not answer.`;
  return changes ? `${detail} The change may or may not have been made: look before you repeat it.` : detail;
}
