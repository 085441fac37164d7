/** Rows with callers that cost a reader as much as they can, beside an ordinary reader. docs/security.md names the controls. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { call } from '../load/call.ts';
import { agentAt } from '../load/flood.ts';
import { anyOf } from '../load/random.ts';
import { demoProducts } from '../system/demo-products.ts';
import { attackedReader, besideReader, flood, shot, shown } from './beside-reader.ts';
import type { Row } from './row.ts';

/** The cache Redis of the local stack evicts beyond this. */
const cacheRedis_MiB = 256;

const unread: Row = {
  id: '69',
  withoutLoad: true,
  fault: 'clients do not read their answers',
  injected: '1,500 connections of a third reader, each with 60 pipelined pages of 100 products, none read',
  async inject(stage) {
    await using reader = await attackedReader(stage);
    const answers = 60;
    const answer = 'HTTP/1.1 ';
    const page = `GET /v1/products?limit=100 HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(answers);
    const sockets: Socket[] = [];
    let closed = 0;
    let whole = 0;
    await besideReader(stage, reader, 64, async () => {
      for (let n = 0; n < 1_500; n++) {
        const socket = connect({
          host: '127.0.0.1',
          port: Number(new URL(reader.url).port),
          ...(process.platform === 'linux' && { localAddress: `127.0.4.${(n % 250) + 1}` }),
        });
        socket.on('error', () => {});
        let got = 0;
        let tail = '';
        socket.on('data', (chunk) => {
          const text = tail + chunk.toString('latin1');
          got += text.split(answer).length - 1;
          // Another part of the answer's first line may come with the next chunk.
          tail = text.slice(1 - answer.length);
          if (got === answers) {
            whole += 1;
            socket.destroy();
          }
        });
        socket.on('close', () => {
          if (got < answers) closed += 1;
        });
        // A listener for data resumes it.
        socket.pause();
        sockets.push(socket);
        if (n % 10 === 9) await once(socket, 'connect');
        socket.write(page);
      }
      await pause(12_000);
    });
    // A paused socket does not notice that it was closed.
    for (const socket of sockets) socket.resume();
    await eventually(() => closed + whole === sockets.length, { timeout_ms: 30_000 }).catch(() => undefined);
    stage.observe(
      `of ${sockets.length} connections ${closed} were closed; the system had room for all answers of ${whole}`,
    );
    stage.expect(
      closed > 0 && closed + whole === sockets.length,
      'a connection whose answers wait is closed',
    );
    for (const socket of sockets) socket.destroy();
  },
};

const costlyReads: Row = {
  id: '70',
  withoutLoad: true,
  fault: 'anonymous callers ask for what costs most',
  injected:
    '32 callers send 100 random ids at a time, 16 unknown ids and 16 new spellings of a search, to a third reader',
  async inject(stage) {
    const { system, random, observe, expect } = stage;
    await using reader = await attackedReader(stage);
    const ids = await demoProducts(system.sql, 2_000);
    const list = (count: number, path: (n: number) => string) =>
      Array.from({ length: count }, (_, n) => path(n));
    const some = (id: () => string) => `/v1/products?ids=${list(100, id).join()}`;
    const ofSettings = await system.cache.of('app:settings');
    const settings = await ofSettings.exists('app:settings');
    let statuses = new Map<number, number>();
    await besideReader(stage, reader, 64, async () => {
      statuses = await flood(reader.url, [
        ...shot(32, 'GET', () => list(20, () => some(() => anyOf(ids, random)))),
        ...shot(16, 'GET', () => list(80, () => some(() => randomUUID()))),
        ...shot(16, 'GET', (caller) => list(350, (n) => `/v1/products?q=lamp%20${caller}x${n.toString(36)}`)),
      ]);
    });
    const servers = await system.cache.masters();
    const used = await Promise.all(
      servers.map(async (server) => Number(/used_memory:(\d+)/.exec(await server.info('memory'))?.[1])),
    );
    const used_MiB = Math.max(...used) / 2 ** 20;
    observe(`the attackers got ${shown(statuses)}; the cache Redis holds ${used_MiB.toFixed(0)} MiB`);
    expect((statuses.get(429) ?? 0) > 0, 'callers beyond their limits get 429');
    expect(used_MiB < cacheRedis_MiB / 2, 'absent keys and pages take less than half of the cache Redis');
    expect((await ofSettings.exists('app:settings')) >= settings, 'no hot key is evicted');
  },
};

const uploads: Row = {
  id: '71',
  withoutLoad: true,
  fault: 'an import arrives byte by byte',
  injected: 'an import of 900 kB without a line end, and then 50,000 chunks of one byte, to catalog-write',
  async inject({ system, observe, expect }) {
    const url = system.stack.url('catalog-write');
    const token = await system.stack.token('catalog-write', 'catalog:write');
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'connect');
    socket.write(
      `POST /v1/imports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    socket.write(chunk(`sku,name\n"${'x'.repeat(900_000)}`));
    let slowest_ms = 0;
    let looks = 0;
    const over = new AbortController();
    const looking = (async () => {
      const agent = agentAt(0);
      while (!over.signal.aborted) {
        const began_ms = performance.now();
        const { status } = await call(agent, 'GET', `${url}/livez`);
        if (status !== 200) throw new Error(`/livez answered ${status}`);
        slowest_ms = Math.max(slowest_ms, performance.now() - began_ms);
        looks += 1;
        await pause(5);
      }
      agent.destroy();
    })();
    const began_ms = performance.now();
    for (let n = 0; n < 50_000; n += 500) {
      if (!socket.write(chunk('x').repeat(500))) await once(socket, 'drain');
      await pause(5);
    }
    await pause(1_000);
    over.abort();
    await looking;
    socket.destroy();
    observe(
      `${looks} calls of /livez in ${((performance.now() - began_ms) / 1_000).toFixed(1)} s, the slowest ${slowest_ms.toFixed(0)} ms`,
    );
    expect(looks > 100, 'there were enough calls');
    expect(slowest_ms <= 100, '/livez answers within 100 ms');
  },
};

const openRoutes: Row = {
  id: '72',
  withoutLoad: true,
  fault: 'anonymous callers ask for health, metrics and views',
  injected: '32 callers of /readyz, 16 of /metrics and 16 that send HEAD, without a pause, to a third reader',
  async inject(stage) {
    const { system, observe } = stage;
    await using reader = await attackedReader(stage);
    const [id = ''] = await demoProducts(system.sql, 1);
    let statuses = new Map<number, number>();
    await besideReader(stage, reader, 64, async () => {
      statuses = await flood(reader.url, [
        ...shot(32, 'GET', () => ['/readyz']),
        ...shot(16, 'GET', () => ['/metrics']),
        ...shot(16, 'HEAD', () => [`/v1/products/${id}`]),
      ]);
    });
    observe(`they got ${shown(statuses)}`);
  },
};

export const attackRows: readonly Row[] = [unread, costlyReads, uploads, openRoutes];
