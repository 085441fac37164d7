/** The plainest chain that does the same: NOTIFY → BullMQ → DEL, and a reader with plain cache-aside. */
import { createServer } from 'node:http';
import { Queue, Worker } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
import pg from 'pg';
import { required } from '../contestants/environment.ts';

/** Plain cache-aside: GET, and on a miss SELECT and SET. */
export function plainReader(env: NodeJS.ProcessEnv, port: number): void {
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
export async function plainChain(env: NodeJS.ProcessEnv, port: number): Promise<void> {
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
