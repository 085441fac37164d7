import { request } from 'node:http';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { pause, startPart } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { expect, test } from 'vitest';
import { BreakServer } from './break-server.ts';

async function call(socketPath: string, method: string, name = ''): Promise<[number, unknown]> {
  const { promise, resolve, reject } = Promise.withResolvers<[number, unknown]>();
  request({ socketPath, method, path: `/${name}` }, (response) => {
    json(response).then((body) => resolve([response.statusCode ?? 0, body]), reject);
  })
    .on('error', reject)
    .end();
  return promise;
}

test('a part is broken once, is put back, and is put back when the stack stops', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'catalog-break-'));
  const socketFile = join(folder, 'break.sock');
  const acts: string[] = [];
  const faults = {
    lasting: async () => {
      acts.push('broken');
      await pause(20);
      return async () => void acts.push('put back');
    },
    short: async () => void acts.push('short'),
    failing: async () => {
      throw new Error('it is held');
    },
  };
  const part = startPart(new BreakServer({ socketFile, faults, say: () => undefined }));
  try {
    await eventually(async () => ((await stat(socketFile)).mode & 0o777) === 0o600);
    expect(await call(socketFile, 'GET')).toMatchObject([
      200,
      [
        { name: 'lasting', since: null },
        { name: 'short', since: null },
        { name: 'failing', since: null },
      ],
    ]);
    // Two people at once.
    await Promise.all([call(socketFile, 'POST', 'lasting'), call(socketFile, 'POST', 'lasting')]);
    await call(socketFile, 'POST', 'short');
    expect(acts).toEqual(['broken', 'short']);
    expect(await call(socketFile, 'GET')).toMatchObject([
      200,
      [{ since: expect.stringMatching(/Z$/) as string }, { since: null }, { since: null }],
    ]);
    await call(socketFile, 'DELETE', 'lasting');
    expect(acts.at(-1)).toBe('put back');
    expect((await call(socketFile, 'POST', 'failing'))[0]).toBe(500);
    expect((await call(socketFile, 'POST', 'toString'))[0]).toBe(404);
    await call(socketFile, 'POST', 'lasting');
  } finally {
    await part.stop();
    await rm(folder, { recursive: true });
  }
  expect(acts.slice(-2)).toEqual(['broken', 'put back']);
});

test('while the stack stops and puts parts back, nothing else is broken', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'catalog-break-'));
  const socketFile = join(folder, 'break.sock');
  const acts: string[] = [];
  const isPutBack = Promise.withResolvers<void>();
  const faults = {
    lasting: async () => () => isPutBack.promise,
    short: async () => void acts.push('short'),
  };
  const part = startPart(new BreakServer({ socketFile, faults, say: () => undefined }));
  await eventually(async () => ((await stat(socketFile)).mode & 0o777) === 0o600);
  await call(socketFile, 'POST', 'lasting');
  const stopped = part.stop();
  expect((await call(socketFile, 'POST', 'short'))[0]).toBe(500);
  isPutBack.resolve();
  await stopped;
  expect(acts).toEqual([]);
  await rm(folder, { recursive: true });
});
