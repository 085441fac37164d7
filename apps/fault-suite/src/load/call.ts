/** One HTTP call with a timeout. An agent keeps its connection. */
import { request, type Agent, type IncomingHttpHeaders } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const patience_ms = 5_000;

/** @throws when there is no complete answer */
export function call(
  agent: Agent | undefined,
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...(agent !== undefined && { agent }), method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.setTimeout(patience_ms, () => sent.destroy(new Error(`no answer within ${patience_ms} ms`)));
    sent.end(body);
  });
}
