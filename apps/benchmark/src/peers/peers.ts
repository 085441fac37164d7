/** The peers that the system is compared with. Each is as simple and as fast as possible. */
import { createServer } from 'node:http';
import { Queue, Worker } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
import pg from 'pg';

type Peer = (env: NodeJS.ProcessEnv, port: number) => Promise<void> | void;

const peers: Readonly<Record<string, Peer>> = {
  'bare-http': bareHttp,
  'bare-express': bareExpress,
  'plain-reader': plainReader,
  'plain-chain': plainChain,
};

export async function runPeer(name: string, env: NodeJS.ProcessEnv): Promise<void> {
  const peer = peers[name];
  if (peer === undefined) throw new Error(`There is no peer "${name}".`);
  process.once('SIGTERM', () => process.exit(0));
  await peer(env, Number(env['PORT']));
}

const required = (env: NodeJS.ProcessEnv, name: string): string => {
  const value = env[name];
  if (value === undefined) throw new Error(`${name} is not set.`);
  return value;
};

/** The least work with which a Node process can answer. */
function bareHttp(env: NodeJS.ProcessEnv, port: number): void {
  const body = Buffer.from(required(env, 'BODY'));
  createServer((_req, res) => {
    res.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length)]).end(body);
  }).listen(port, '127.0.0.1');
}

function bareExpress(env: NodeJS.ProcessEnv, port: number): void {
  const body = Buffer.from(required(env, 'BODY'));
  const app = express();
  app.disable('x-powered-by').set('etag', false);
  app.get('/readyz', (_req, res) => void res.end());
  app.get('/v1/products/:id', (_req, res) => {
    res.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length)]).end(body);
  });
  app.listen(port, '127.0.0.1');
}

/** Plain cache-aside: GET, and on a miss SELECT and SET. */
function plainReader(env: NodeJS.ProcessEnv, port: number): void {
  const redis = new Redis(required(env, 'CACHE_REDIS_URL'), { enableAutoPipelining: true });
  const pool = new pg.Pool({ connectionString: required(env, 'DATABASE_URL') });
  const app = express();
  app.disable('x-powered-by').set('etag', false);
  app.get('/readyz', async (_req, res) => {
    await Promise.all([redis.ping(), pool.query('select 1')]);
    res.end();
  });
  app.get('/v1/products/:id', async (req, res) => {
    const { id } = req.params;
    let body = await redis.getBuffer(`plain:${id}`);
    if (body === null) {
      const { rows } = await pool.query<object>('select * from catalog.plain where id = $1', [id]);
      body = Buffer.from(JSON.stringify(rows[0] ?? null));
      await redis.set(`plain:${id}`, body, 'EX', 3_600);
    }
    res.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length)]).end(body);
  });
  app.listen(port, '127.0.0.1');
}

/** The simplest chain with a queue: NOTIFY with the id on CHANNEL → a BullMQ job → DEL. */
async function plainChain(env: NodeJS.ProcessEnv, port: number): Promise<void> {
  const cache = new Redis(required(env, 'CACHE_REDIS_URL'));
  const stateUrl = required(env, 'STATE_REDIS_URL');
  const options = { prefix: 'plain' };
  const queue = new Queue<{ id: string }>('plain', {
    ...options,
    connection: new Redis(stateUrl, { maxRetriesPerRequest: null }),
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  });
  // Delete the jobs that an earlier run left behind.
  await queue.obliterate({ force: true });
  const worker = new Worker<{ id: string }>(
    'plain',
    async ({ data }) => void (await cache.del(`plain:${data.id}`)),
    {
      ...options,
      connection: new Redis(stateUrl, { maxRetriesPerRequest: null }),
    },
  );
  await worker.waitUntilReady();
  const listener = new pg.Client({ connectionString: required(env, 'DATABASE_URL') });
  await listener.connect();
  listener.on('notification', ({ payload }) => void queue.add('invalidate', { id: payload ?? '' }));
  await listener.query(`listen ${required(env, 'CHANNEL')}`);
  createServer((_req, res) => res.end()).listen(port, '127.0.0.1');
}
