/** A client that sends requests without waiting gets every answer, in the order of its requests. */
import { connect } from 'node:net';
import { eventually } from '@catalog/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startFront } from './repeated-requests.fixture.ts';

let running: Awaited<ReturnType<typeof startFront>>;
beforeAll(async () => {
  running = await startFront();
});
afterAll(() => running?.[Symbol.asyncDispose]());

interface Sent {
  readonly text: string;
  /** How the body of its answer begins; undefined if it has none. */
  readonly answer: string | undefined;
}

const send = (method: string, url: string, body = ''): string => {
  const length = method === 'POST' ? [`Content-Length: ${body.length}`] : [];
  return `${[`${method} ${url} HTTP/1.1`, 'Host: a', ...length, '', ''].join('\r\n')}${body}`;
};

const size = fc.oneof(
  { weight: 20, arbitrary: fc.constant('small') },
  { weight: 10, arbitrary: fc.constant('medium') },
  { weight: 1, arbitrary: fc.constant('large') },
);
const front = fc
  .tuple(fc.constantFrom('now', 'later', 'found'), size)
  .map(([kind, size]) => `/${kind}/${size}`)
  .map((url): Sent => ({ text: send('GET', url), answer: `${url} of` }));
const express = fc
  .tuple(fc.constantFrom('slow', 'express'), fc.constantFrom('small', 'medium'))
  .map(([kind, size]) => `/${kind}/${size}`)
  .map((url): Sent => ({ text: send('GET', url), answer: `GET ${url} of` }));
const withoutBody = fc.constant<Sent>({ text: send('HEAD', '/slow/small'), answer: undefined });
/** Some bodies look like the end of headers, or like requests. */
const withBody = fc
  .constantFrom('', 'abc', '\r\n\r\n'.repeat(200), send('GET', '/now/hidden').repeat(9), 'z'.repeat(70_000))
  .map((body): Sent => ({ text: send('POST', '/slow/small', body), answer: 'POST /slow/small of' }));
const requests = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: front },
    { weight: 2, arbitrary: express },
    { weight: 1, arbitrary: withoutBody },
    { weight: 1, arbitrary: withBody },
  ),
  { minLength: 1, maxLength: 80 },
);

const endings = {
  'the last request': {
    text: 'GET /now/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    answer: '/now/last of',
  },
  CONNECT: {
    text: `CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n${send('GET', '/now/behind')}`,
    answer: '{"status":405',
  },
  'what is malformed': { text: `nonsense\r\n\r\n${send('GET', '/now/behind')}`, answer: '{"status":400' },
} satisfies Record<string, Sent>;

const run = fc.record({
  list: requests,
  ending: fc.constantFrom(...(Object.keys(endings) as (keyof typeof endings)[])),
  pieces: fc.array(fc.constantFrom(7, 100, 1_000, 100_000), { minLength: 1, maxLength: 20 }),
  reads: fc.constantFrom('at once', 'at once', 'with pauses', 'late'),
});

test('whatever is sent ahead, and however it is cut', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(run, async ({ list, ending, pieces, reads }) => {
      const all = [...list, endings[ending]];
      const received = await exchange(all.map(({ text }) => text).join(''), pieces, reads);
      expect(beginningsOf(received, all)).toEqual(all.map(({ answer }) => answer));
    }),
    { numRuns: 200 },
  );
});

async function exchange(text: string, pieces: readonly number[], reads: string): Promise<string> {
  const socket = connect({ port: running.service.port, host: '127.0.0.1', noDelay: true });
  let received = '';
  let isClosed = false;
  let chunks = 0;
  socket.on('error', () => {});
  socket.on('close', () => (isClosed = true));
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    if (reads !== 'with pauses' || ++chunks % 3 > 0) return;
    socket.pause();
    setTimeout(() => socket.resume(), 3);
  });
  if (reads === 'late') socket.pause();
  for (let at = 0, n = 0; at < text.length; n++) {
    const size = pieces[n % pieces.length] as number;
    socket.write(text.slice(at, at + size), 'latin1');
    at += size;
  }
  if (reads === 'late') setTimeout(() => socket.resume(), 50);
  await eventually(() => isClosed);
  return received;
}

/** How the body of each answer begins, as far as it has to be compared. */
function beginningsOf(received: string, expected: readonly Sent[]): (string | undefined)[] {
  const found: (string | undefined)[] = [];
  for (let at = 0; at < received.length;) {
    const end = received.indexOf('\r\n\r\n', at) + 4;
    const length = Number(/^Content-Length: (\d+)/im.exec(received.slice(at, end))?.[1]);
    const sent = expected[found.length];
    const hasBody = sent === undefined || sent.answer !== undefined;
    found.push(hasBody ? received.slice(end, end + (sent?.answer?.length ?? 40)) : undefined);
    at = hasBody ? end + length : end;
  }
  return found;
}
