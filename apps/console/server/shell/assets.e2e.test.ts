import { readdirSync, readFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { runningConsole } from '../testing/running-console.ts';
import { builtApp } from './assets.ts';

const running = await runningConsole();
afterAll(() => running[Symbol.asyncDispose]());

const folder = join(builtApp, 'assets');
const names = readdirSync(folder).filter((name) => !name.endsWith('.br'));

/** As a browser gets it: `fetch` would decompress the body. */
async function get(path: string, headers: Record<string, string>) {
  const asked = request(`${running.url}${path}`, { headers }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: answer.statusCode, headers: answer.headers, body: await buffer(answer) };
}

test('the build has compressed every script and style', () => {
  expect(names.length).toBeGreaterThan(3);
  for (const name of names)
    expect(brotliDecompressSync(readFileSync(join(folder, `${name}.br`)))).toEqual(
      readFileSync(join(folder, name)),
    );
});

test.each(['js', 'css'])('a built %s file goes out compressed, and browsers keep it', async (ending) => {
  const name = names.find((one) => one.endsWith(`.${ending}`)) ?? '';
  const answer = await get(`/assets/${name}`, { 'Accept-Encoding': 'gzip, deflate, br, zstd' });
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({
    'content-encoding': 'br',
    'content-type': `text/${ending === 'js' ? 'javascript' : 'css'}; charset=utf-8`,
    'cache-control': 'public, max-age=31536000, immutable',
    vary: 'Accept-Encoding',
  });
  expect(brotliDecompressSync(answer.body)).toEqual(readFileSync(join(folder, name)));
});

test.each(['gzip', 'br;q=0', 'identity'])(
  'a client that reads only %s gets the file as it is',
  async (encoding) => {
    const [name = ''] = names;
    const answer = await get(`/assets/${name}`, { 'Accept-Encoding': encoding });
    expect(answer.headers['content-encoding']).toBeUndefined();
    expect(answer.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'Accept-Encoding',
    });
    expect(answer.body).toEqual(readFileSync(join(folder, name)));
  },
);

test('a file of the sign-in page, and one that does not exist, are answered as without compression', async () => {
  const headers = { 'Accept-Encoding': 'br' };
  expect((await get('/assets/page.css', headers)).headers['content-encoding']).toBeUndefined();
  for (const path of ['/assets/none.js', '/assets/..%2Findex.html.js', '/assets/%00.js'])
    expect((await get(path, headers)).status).toBeGreaterThanOrEqual(400);
});
