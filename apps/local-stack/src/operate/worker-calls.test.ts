import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { AuditResult } from '@catalog/contracts';
import { expect, test } from 'vitest';
import { auditReport, purge } from './worker-calls.ts';

const nobody = { workerUrl: 'http://127.0.0.1:1', token: 'x' };

const result: AuditResult = {
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:01.500Z',
  checked: 3_000,
  right: 3_000,
  wrong: { older: 0, newer: 0, other: 0 },
  undecided: 0,
  repaired: 0,
  wrongFor: [],
  nines: 3,
  entries: [],
};

test('an audit without a finding claims no more than its size allows', () => {
  expect(auditReport(result)).toEqual([
    'checked    3000 cached entries against Postgres in 1.5 s',
    'right      3000',
    'wrong      0 older, 0 newer, 0 of another content',
    'nines      3.00 (none wrong: at most 3 in 3000 are, at 95 %)',
  ]);
});

test('an audit with findings lists them, for how long they were wrong, and how many entries it could not decide', () => {
  const lines = auditReport({
    ...result,
    right: 2_996,
    wrong: { older: 2, newer: 1, other: 0 },
    wrongFor: [
      { atLeastSeconds: 1, entries: 3 },
      { atLeastSeconds: 60, entries: 1 },
    ],
    repaired: 3,
    undecided: 1,
    entries: [
      {
        key: 'product:1',
        difference: 'older',
        cachedVersion: 7,
        version: 9,
        members: ['priceMinor', 'updatedAt'],
        foundAt: '2026-01-01T00:00:01.000Z',
        wrongSince: '2026-01-01T00:00:00.000Z',
        isRepaired: true,
      },
    ],
  });
  expect(lines).toContain(
    '           product:1: version 7 instead of 9, different in priceMinor, updatedAt, since 2026-01-01T00:00:00.000Z or longer',
  );
  expect(lines).toContain('           and 2 more');
  expect(lines).toContain('wrong      2 older, 1 newer, 0 of another content');
  expect(lines).toContain('           3 for 1 s or more, 1 for 60 s or more');
  expect(lines).toContain('repaired   3');
  expect(lines.join()).toContain('undecided  1');
  expect(lines.join()).not.toContain('none wrong');
});

test.each([
  [{ reason: 'why' }, 'Exactly one'],
  [{ key: 'app:settings', all: true, reason: 'why' }, 'Exactly one'],
  [{ all: true }, '--reason'],
  [{ all: true, reason: '  ' }, '--reason'],
  [{ all: true, reason: 'why' }, 'does not answer'],
])('a purge of %j is refused with the reason', async (what, message) => {
  await expect(purge(what, nobody)).rejects.toThrow(message);
});

test('a purge sends the request with the token, and says what was done', async () => {
  const asked: unknown[] = [];
  const worker = createServer((req, res) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      asked.push(req.url, req.headers.authorization, JSON.parse(Buffer.concat(chunks).toString()));
      res.end('{"entries":3,"invalidated":2}');
    })();
  });
  worker.listen(0, '127.0.0.1');
  await once(worker, 'listening');
  const workerUrl = `http://127.0.0.1:${(worker.address() as AddressInfo).port}`;
  try {
    expect(await purge({ entity: 'product', reason: 'a bad import' }, { workerUrl, token: 'T' })).toBe(
      'purged: 3 entries found, 2 of them could have been served',
    );
  } finally {
    worker.closeAllConnections();
    worker.close();
  }
  expect(asked).toEqual(['/v1/purges', 'Bearer T', { entity: 'product', reason: 'a bad import' }]);
});
