/** Sends a file as the body of `POST /v1/imports`, as fast as catalog-write takes it. */
import { createReadStream } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';

export interface Upload {
  readonly url: string;
  readonly file: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Called after each sent chunk. */
  onSent?(bytes: number): void;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * It does not use fetch, which gives up when an answer takes five minutes. The answer comes when all rows are applied.
 * It rejects when the connection breaks before the answer, or with the signal's reason.
 */
export async function upload({ url, file, headers, signal, onSent }: Upload): Promise<Answer> {
  const { promise: answered, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const call = request(url, { method: 'POST', headers, signal });
  call.on('response', resolve);
  call.on('error', reject);
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onSent?.(chunk.length);
      done(null, chunk);
    },
  });
  // An early refusal ends the sending, and the answer counts. A file that cannot be read ends both.
  pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), counter, call).catch(() => call.destroy());
  const answer = await answered;
  return { status: answer.statusCode ?? 0, body: await text(answer) };
}
