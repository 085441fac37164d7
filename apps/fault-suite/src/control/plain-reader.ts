/** The control, which must fail: plain cache-aside. A read does GET, and on a miss SELECT and SET. A write does DEL. */
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import pg from 'pg';

const truth = `select version, true as present from catalog.products where id = $1::uuid
  union all select version, false from catalog.tombstones where entity = 'product' and key = $1::text`;

export function servePlainly(env: NodeJS.ProcessEnv): void {
  const redis = new Redis(env['CACHE_REDIS_URL'] ?? '', { commandTimeout: 2_000 });
  redis.on('error', () => {});
  const pool = new pg.Pool({ connectionString: env['DATABASE_URL'], connectionTimeoutMillis: 2_000 });
  pool.on('error', () => {});
  const read = async (id: string): Promise<string> => {
    const cached = await redis.get(`plain:${id}`).catch(() => null);
    if (cached !== null) return cached;
    const { rows } = await pool.query<{ version: string; present: boolean }>(truth, [id]);
    // The tombstone gives absence a version, so that the checker can judge the control as it judges the system.
    const body = JSON.stringify({
      version: Number(rows[0]?.version ?? 0),
      present: rows[0]?.present ?? false,
    });
    await redis.set(`plain:${id}`, body, 'EX', 3_600).catch(() => undefined);
    return body;
  };
  createServer((req, res) => {
    const id = /^\/v1\/products\/([0-9a-f-]{36})$/.exec(req.url ?? '')?.[1];
    if (id === undefined) {
      res.end();
      return;
    }
    read(id).then(
      (body) => {
        const { version, present } = JSON.parse(body) as { version: number; present: boolean };
        res.writeHead(present ? 200 : 404, { 'Catalog-Version': String(version) }).end(body);
      },
      () => res.writeHead(503).end(),
    );
  }).listen(Number(env['PORT']), '127.0.0.1');
}
