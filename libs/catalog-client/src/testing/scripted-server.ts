import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  /** The requests, as `GET /path`, in order. */
  readonly asked: string[];
  readonly headers: IncomingMessage['headers'][];
}

export type Step = (res: ServerResponse) => void;

/**
 * Answers the n-th request with the n-th step, and all later ones with the last step. It shows the client failures that
 * no real service produces on demand.
 */
export async function scriptedServer(...steps: readonly Step[]): Promise<ScriptedServer> {
  const asked: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const server = createServer((req, res) => {
    const step = steps[Math.min(asked.length, steps.length - 1)];
    asked.push(`${req.method} ${req.url}`);
    headers.push(req.headers);
    step?.(res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    headers,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function answer(status: number, body: unknown, headers: Record<string, string> = {}): Step {
  return (res) =>
    res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Step {
  const body = {
    type: `/problems/${code}`,
    title: code,
    status,
    code,
    detail: `${code} happened`,
    requestId: 'r-1',
    errors: [],
  };
  return answer(status, body, { 'Content-Type': 'application/problem+json', ...headers });
}

export const cut: Step = (res) => res.destroy();
/** Accepts the request and never answers. */
export const silent: Step = () => undefined;
