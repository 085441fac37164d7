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
 * Makes Node create requests and responses with the prototypes of Express. Express would change the prototype of each
 * object later, which costs about as much as the rest of its routing.
 *
 * `writeHead` adds `nosniff` to every answer. If a middleware set that header, routes that pass all their headers to
 * `writeHead` would leave the fast path of Node.
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
  // The types of Node want a class that is generic in its request. Ours need not be.
  classes.set(app, {
    IncomingMessage: AppRequest,
    ServerResponse: AppResponse as unknown as typeof ServerResponse,
  });
}

export function messagesOf(app: Express): ServerOptions {
  return classes.get(app) ?? {};
}
