import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { eventually } from '@catalog/testing';
import { expect, onTestFinished, test } from 'vitest';
import { AddressShare, FairTurns, giveShare } from './fair-turns.ts';
import { httpLimits } from './limits.ts';
import { startTestService } from './service.fixture.ts';

async function open(port: number, from: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Holds the event loop until every socket has something to read. */
function holdTurn(): void {
  for (const end_ms = performance.now() + 100; performance.now() < end_ms;);
}

// Only Linux has 127.0.0.2 without being asked.
test.runIf(process.platform === 'linux').each([
  ['on many connections', 300, 1],
  ['pipelined on a few', 10, 30],
])(
  'an address that sends 300 requests at once, %s, does not make another one wait for all of them',
  async (_how, connections, requests) => {
    const served: string[] = [];
    const service = await startTestService({
      routes(app) {
        app.get('/v1/of/:caller', (req, res) => {
          served.push(req.params.caller);
          res.end('done');
        });
      },
    });
    onTestFinished(() => service[Symbol.asyncDispose]());
    const { port, server } = service;
    let accepted = 0;
    server.on('connection', () => (accepted += 1));
    const many = await Promise.all(Array.from({ length: connections }, () => open(port, '127.0.0.2')));
    const other = await open(port, '127.0.0.1');
    await eventually(() => accepted === connections + 1);
    const request = (caller: string) => `GET /v1/of/${caller} HTTP/1.1\r\nHost: x\r\n\r\n`;
    for (const socket of many) socket.write(request('many').repeat(requests));
    other.write(request('other'));
    holdTurn();
    await once(other, 'data');
    expect(served.indexOf('other')).toBeLessThanOrEqual(httpLimits.servedInTurn * 2);
    // None is lost.
    let answers = 0;
    const counted = Promise.withResolvers<void>();
    for (const socket of many)
      socket.on('data', (chunk) => {
        answers += chunk.toString('latin1').split('HTTP/1.1 200').length - 1;
        if (answers >= connections * requests) counted.resolve();
      });
    await counted.promise;
    expect(served.filter((caller) => caller === 'many')).toHaveLength(300);
  },
);

/** How long a request holds the event loop in the tests below. */
const work_ms = 1;
const longWork_ms = 10;
const work = (taken_ms: number): void => {
  for (const end_ms = performance.now() + taken_ms; performance.now() < end_ms;);
};

test.runIf(process.platform === 'linux')(
  'an address whose requests take long does not make another one wait for all of them',
  async () => {
    const served: string[] = [];
    const service = await startTestService({
      routes(app) {
        app.get('/v1/of/:caller', (req, res) => {
          served.push(req.params.caller);
          if (req.params.caller === 'many') work(longWork_ms);
          res.end('done');
        });
      },
    });
    onTestFinished(() => service[Symbol.asyncDispose]());
    const { port, server } = service;
    let accepted = 0;
    server.on('connection', () => (accepted += 1));
    const connections = httpLimits.servedInTurn / 2;
    const many = await Promise.all(Array.from({ length: connections }, () => open(port, '127.0.0.2')));
    const other = await open(port, '127.0.0.1');
    await eventually(() => accepted === connections + 1);
    const request = (caller: string) => `GET /v1/of/${caller} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const answered = many.map((socket) => once(socket, 'data'));
    for (const socket of many) socket.write(request('many'));
    other.write(request('other'));
    holdTurn();
    await once(other, 'data');
    expect(served.indexOf('other')).toBeLessThan(4);
    await Promise.all(answered);
    expect(served).toHaveLength(connections + 1);
  },
);

test.runIf(process.platform === 'linux')(
  'many addresses that send requests ahead do not make another one wait for all of them',
  async () => {
    const served: string[] = [];
    const service = await startTestService({
      routes(app) {
        app.get('/v1/of/:caller', (req, res) => {
          served.push(req.params.caller);
          work(work_ms);
          res.end('done');
        });
      },
    });
    onTestFinished(() => service[Symbol.asyncDispose]());
    const { port, server } = service;
    let accepted = 0;
    server.on('connection', () => (accepted += 1));
    const addresses = 20;
    const ahead = 30;
    const many = await Promise.all(
      Array.from({ length: addresses }, (_, n) => open(port, `127.0.0.${n + 2}`)),
    );
    const other = await open(port, '127.0.0.1');
    await eventually(() => accepted === addresses + 1);
    const request = (caller: string) => `GET /v1/of/${caller} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const counted = Promise.withResolvers<void>();
    let answers = 0;
    for (const socket of many) {
      socket.write(request('many').repeat(ahead));
      socket.on('data', (chunk) => {
        answers += chunk.toString('latin1').split('HTTP/1.1 200').length - 1;
        if (answers === addresses * ahead) counted.resolve();
      });
    }
    other.write(request('other'));
    holdTurn();
    await counted.promise;
    // The first request of each connection, and the others that two turns serve within `turn_ms`.
    expect(served.indexOf('other')).toBeLessThan((addresses * ahead) / 5);
    expect(served).toHaveLength(addresses * ahead + 1);
  },
);

test('a request that is given back asks again as the first of its connection', () => {
  const turns = new FairTurns({ servedInTurn: 1, firsts_ms: 1_000, turn_ms: 0 }, () => undefined);
  const socket = new Socket();
  giveShare(socket, new AddressShare());
  expect(turns.admits(socket, false)).toBe(true);
  turns.giveBack(socket);
  expect(turns.admits(socket, false)).toBe(true);
  expect(turns.admits(socket, false)).toBe(false);
});
