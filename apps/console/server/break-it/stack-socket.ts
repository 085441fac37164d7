/** Asks the local stack, over its socket file, to break parts of itself and to put them back. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { CatalogError } from '@catalog/contracts';

export interface BreakablePart {
  /** Such as "freeze-cache". */
  readonly name: string;
  /** ISO-8601; null while it is whole. */
  readonly since: string | null;
}

/** Freezing and cutting take a moment. */
const answer_ms = 10_000;

export class StackSocket {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws CatalogError `unavailable` */
  async list(): Promise<BreakablePart[]> {
    return JSON.parse(await this.#ask('GET', '')) as BreakablePart[];
  }

  /** @throws CatalogError `not_found`, `unavailable` */
  async breakPart(name: string): Promise<void> {
    await this.#ask('POST', name);
  }

  /** @throws as `breakPart` */
  async putBack(name: string): Promise<void> {
    await this.#ask('DELETE', name);
  }

  #ask(method: string, name: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const failed = (cause: unknown) =>
      reject(
        new CatalogError('unavailable', 'The local stack does not answer.', { cause, retryAfterSeconds: 1 }),
      );
    const call = request({
      socketPath: this.#path,
      method,
      path: `/${encodeURIComponent(name)}`,
      signal: AbortSignal.timeout(answer_ms),
    });
    call.on('error', failed).on('response', (response) => {
      text(response).then((body) => {
        const { statusCode } = response;
        if (statusCode === 200) resolve(body);
        else if (statusCode === 404)
          reject(new CatalogError('not_found', 'There is nothing of that name to break.'));
        else failed(body);
      }, failed);
    });
    call.end();
    return promise;
  }
}
