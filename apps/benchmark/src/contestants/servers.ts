/**
 * Other ways to serve a product, each as its own documentation shows it. All read the same table and the same Redis, and
 * all cache for an hour. None of them hears of a change.
 */
import { createServer, type RequestListener } from 'node:http';
import { loadSql } from '@catalog/database';
import KeyvRedis from '@keyv/redis';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import { Cacheable } from 'cacheable';
import express from 'express';
import { Redis } from 'ioredis';
import pg from 'pg';
import { createClient } from 'redis';
import { plainChain, plainReader } from '../freshness/plain-processes.ts';
import { required } from './environment.ts';

type Server = (env: NodeJS.ProcessEnv, port: number) => Promise<void> | void;
type Read = (id: string) => Promise<unknown>;

const host = '127.0.0.1';
const ttl_s = 3_600;
/** All products of the test fit. */
const mostInMemory = 20_000;

function listenPlain(
  port: number,
  answer: (...of: Parameters<RequestListener>) => Promise<void> | void,
): void {
  createServer((req, res) => {
    if (req.url === '/readyz') res.end();
    else void answer(req, res);
  }).listen(port, host);
}

function json(res: Parameters<RequestListener>[1], body: Buffer): void {
  res.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length)]).end(body);
}

function serveWithExpress(port: number, read: Read): void {
  const app = express();
  app.get('/readyz', (_req, res) => void res.end());
  app.get('/v1/products/:id', async (req, res) => {
    const product = await read(req.params.id);
    if (product === undefined) res.status(404).end();
    else res.json(product);
  });
  app.listen(port, host);
}

/** Asks Postgres. Versions and prices are numbers, as in our API. */
function productReader(env: NodeJS.ProcessEnv): Read {
  pg.types.setTypeParser(pg.types.builtins.INT8, Number);
  const pool = new pg.Pool({ connectionString: required(env, 'DATABASE_URL'), max: 12 });
  const text = loadSql(import.meta.url, './product.sql');
  return async (id) => (await pool.query<object>({ name: 'product', text, values: [id] })).rows[0];
}

/** With cache-aside over two calls of a client, as tutorials show it. */
function cacheAside(
  read: Read,
  cache: { get(id: string): Promise<string | null>; set(id: string, value: string): Promise<unknown> },
): Read {
  return async (id) => {
    const cached = await cache.get(id);
    if (cached !== null) return JSON.parse(cached) as unknown;
    const product = await read(id);
    await cache.set(id, JSON.stringify(product));
    return product;
  };
}

const idOf = (url = '') => url.slice('/v1/products/'.length);

const servers: Readonly<Record<string, Server>> = {
  'plain-reader': plainReader,
  'plain-chain': plainChain,

  /** The least work with which a Node process can answer. */
  'bare-http'(env, port) {
    const body = Buffer.from(required(env, 'BODY'));
    listenPlain(port, (_req, res) => json(res, body));
  },

  /** The least work with which a Node process can answer from Redis. Its keys are filled before. */
  'bare-get'(env, port) {
    const redis = new Redis(required(env, 'CACHE_REDIS_URL'), { enableAutoPipelining: true });
    listenPlain(port, async (req, res) => {
      const body = await redis.getBuffer(`bare:${idOf(req.url)}`);
      if (body === null) res.writeHead(404).end();
      else json(res, body);
    });
  },

  'express-postgres'(env, port) {
    serveWithExpress(port, productReader(env));
  },

  'express-ioredis'(env, port) {
    const redis = new Redis(required(env, 'CACHE_REDIS_URL'));
    const cache = {
      get: (id: string) => redis.get(`tutorial:${id}`),
      set: (id: string, value: string) => redis.set(`tutorial:${id}`, value, 'EX', ttl_s),
    };
    serveWithExpress(port, cacheAside(productReader(env), cache));
  },

  bentocache(env, port) {
    const url = required(env, 'CACHE_REDIS_URL');
    const read = productReader(env);
    const cache = new BentoCache({
      default: 'products',
      stores: {
        products: bentostore()
          .useL1Layer(memoryDriver({ maxItems: mostInMemory }))
          .useL2Layer(redisDriver({ connection: new Redis(url) }))
          .useBus(redisBusDriver({ connection: connectionOf(url) })),
      },
    });
    serveWithExpress(port, (id) => cache.getOrSet({ key: id, ttl: '1h', factory: () => read(id) }));
  },

  cacheable(env, port) {
    const read = productReader(env);
    const cache = new Cacheable({ secondary: new KeyvRedis(required(env, 'CACHE_REDIS_URL')), ttl: '1h' });
    serveWithExpress(port, (id) => cache.getOrSet(id, () => read(id)));
  },

  /** node-redis keeps values in memory, and Redis tells it when one changes (CLIENT TRACKING). */
  async 'client-side-cache'(env, port) {
    const client = createClient({
      url: required(env, 'CACHE_REDIS_URL'),
      RESP: 3,
      clientSideCache: { ttl: 0, maxEntries: mostInMemory, evictPolicy: 'LRU' },
    });
    await client.connect();
    const cache = {
      get: (id: string) => client.get(`tracked:${id}`),
      set: (id: string, value: string) =>
        client.set(`tracked:${id}`, value, { expiration: { type: 'EX', value: ttl_s } }),
    };
    serveWithExpress(port, cacheAside(productReader(env), cache));
  },
};

function connectionOf(text: string): { host: string; port: number; username: string; password: string } {
  const { hostname, port, username, password } = new URL(text);
  return { host: hostname, port: Number(port), username, password };
}

/** Runs one as this process, on `PORT`. */
export async function runServer(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  const server = servers[name];
  if (server === undefined) throw new Error(`There is no server "${name}".`);
  await server(env, Number(env['PORT']));
}
