import { IncomingMessage, ServerResponse, type ServerOptions } from 'node:http';
import type { Express, Request, Response } from 'express';

type WriteHead = (status: number, reason?: unknown, headers?: unknown) => ServerResponse;
type Headers = Readonly<Record<string, unknown>> | readonly unknown[];

const nosniff = ['X-Content-Type-Options', 'nosniff'] as const;

function withNosniff(headers: Headers): Headers {
  return isList(headers) ? [...headers, ...nosniff] : { ...headers, [nosniff[0]]: nosniff[1] };
}

/** `Array.isArray` does not narrow readonly arrays. */
function isList(headers: Headers): headers is readonly unknown[] {
  return Array.isArray(headers);
}

const classes = new WeakMap<Express, ServerOptions>();

/**
 * Lets Node make requests and responses with the prototypes that Express would otherwise give each of
 * them afterwards: changing an object's prototype costs about as much as the rest of Express' routing.
 *
 * `writeHead` adds `nosniff` to every answer there: a header that is set earlier would push a route that
 * hands all its headers to `writeHead` off Node's fast path.
 */
export function useOwnMessages(app: Express): void {
  class AppRequest extends IncomingMessage {}
  class AppResponse extends ServerResponse {}
  Object.setPrototypeOf(AppRequest.prototype, app.request);
  Object.setPrototypeOf(AppResponse.prototype, app.response);
  app.request = AppRequest.prototype as unknown as Request;
  app.response = AppResponse.prototype as unknown as Response;

  const plain = ServerResponse.prototype.writeHead as unknown as WriteHead;
  const writeHead: WriteHead = function writeHead(this: ServerResponse, status, reason, headers) {
    if (typeof reason === 'object' && reason !== null)
      return plain.call(this, status, withNosniff(reason as Headers));
    if (typeof headers === 'object' && headers !== null)
      return plain.call(this, status, reason, withNosniff(headers as Headers));
    this.setHeader(...nosniff);
    return reason === undefined ? plain.call(this, status) : plain.call(this, status, reason);
  };
  Object.defineProperty(AppResponse.prototype, 'writeHead', {
    value: writeHead,
    writable: true,
    configurable: true,
  });
  // Node's types ask for a class that is generic in its request, which ours has no use for.
  classes.set(app, {
    IncomingMessage: AppRequest,
    ServerResponse: AppResponse as unknown as typeof ServerResponse,
  });
}

export function messagesOf(app: Express): ServerOptions {
  return classes.get(app) ?? {};
}
