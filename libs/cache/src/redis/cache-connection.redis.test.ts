import { eventually, startRedis, tcpProxy } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { CacheConnection, CacheUnavailable } from './cache-connection.ts';
import { EntryStore } from './entry-store.ts';
import { InvalidationPublisher } from '../invalidating/invalidation-publisher.ts';

const open: CacheConnection[] = [];
const errors: Error[] = [];
afterEach(() => {
  for (const connection of open.splice(0)) connection.stop();
  errors.length = 0;
});

function connect(url: string, more: Partial<ConstructorParameters<typeof CacheConnection>[0]> = {}) {
  const connection = new CacheConnection({
    url,
    name: 'test',
    database: { currentIncarnation: () => Promise.resolve('database') },
    onError: (error) => errors.push(error),
    ...more,
  });
  open.push(connection);
  return connection;
}
const known = (connection: CacheConnection) => eventually(() => connection.incarnation ?? false);

test('no command is sent before the incarnation is known', async () => {
  await using server = await startRedis();
  let answer: (identity: string) => void = () => undefined;
  const currentIncarnation = () => new Promise<string>((resolve) => (answer = resolve));
  const connection = connect(server.url, { database: { currentIncarnation } });
  const starting = connection.start();
  await eventually(() => connection.redis.status === 'ready');
  await expect(new EntryStore(connection).readOrLease('k', 1, 'x')).rejects.toBeInstanceOf(CacheUnavailable);
  const admin = new Redis(server.url);
  expect(await admin.info('commandstats')).not.toMatch(/cmdstat_eval/);
  admin.disconnect();
  await eventually(() => {
    answer('database');
    return connection.incarnation !== undefined;
  });
  await starting;
});

test('all processes agree on the incarnation, and another Redis or Postgres has another one', async () => {
  await using server = await startRedis();
  const [first, second, restored] = [
    connect(server.url),
    connect(server.url),
    connect(server.url, { database: { currentIncarnation: () => Promise.resolve('restored') } }),
  ];
  await Promise.all([first.start(), second.start(), restored.start()]);
  expect(first.requireIncarnation()).toMatch(/^[0-9a-f]{16}$/);
  expect(second.requireIncarnation()).toBe(first.requireIncarnation());
  expect(restored.requireIncarnation()).not.toBe(first.requireIncarnation());
});

test('a restart changes the incarnation: it is unknown while Redis is away, and learned again afterwards', async () => {
  await using server = await startRedis();
  const connection = connect(server.url);
  await connection.start();
  const before = connection.requireIncarnation();
  const heard: (string | undefined)[] = [];
  connection.onIncarnation((incarnation) => heard.push(incarnation));
  await server.kill('SIGKILL');
  await eventually(() => connection.incarnation === undefined);
  expect(() => connection.requireIncarnation()).toThrow(CacheUnavailable);
  await server.restart();
  expect(await known(connection)).not.toBe(before);
  expect(heard).toEqual([undefined, connection.incarnation]);
});

test('a demotion and a promotion change the incarnation, though the run_id stays the same', async () => {
  await using server = await startRedis();
  await using other = await startRedis({ config: { 'repl-diskless-sync-delay': '0' } });
  const connection = connect(server.url);
  await connection.start();
  const before = connection.requireIncarnation();
  const admin = new Redis(server.url);
  await admin.replicaof('127.0.0.1', other.port);
  await eventually(async () => /master_link_status:up/.test(await admin.info('replication')), {
    timeout_ms: 15_000,
  });

  // The former master now refuses reads and writes, and the connection notices that.
  const store = new EntryStore(connection);
  await expect(store.readOrLease('k', 1, 'x')).rejects.toThrow('OTHERINCARNATION');
  const asReplica = await eventually(
    () => connection.incarnation !== before && (connection.incarnation ?? false),
  );
  await expect(store.readOrLease('k', 1, 'x')).rejects.toThrow('READONLY');
  await known(connection);
  await admin.replicaof('NO', 'ONE');
  await connection.relearn();
  expect(connection.requireIncarnation()).not.toBe(before);
  expect(connection.requireIncarnation()).not.toBe(asReplica);
  admin.disconnect();
});

test('a server that copied old data and was promoted again unnoticed serves none of it', async () => {
  await using server = await startRedis({ config: { 'repl-diskless-sync-delay': '0' } });
  await using other = await startRedis({ config: { 'repl-diskless-sync-delay': '0' } });
  const admin = new Redis(server.url);
  const old = new Redis(other.url);
  const following = (follower: Redis, port: number) => follower.replicaof('127.0.0.1', port);
  const inSync = (follower: Redis) =>
    eventually(async () => /master_link_status:up/.test(await follower.info('replication')), {
      timeout_ms: 15_000,
    });
  await following(old, server.port);
  await inSync(old);
  const connection = connect(server.url);
  await connection.start();
  const before = connection.requireIncarnation();
  const store = new EntryStore(connection);
  const publisher = new InvalidationPublisher(connection);
  const { grant } = await store.readOrLease('k', 1, 'x');
  await store.fill('k', 1, grant, { version: 1, payload: Buffer.from('old') }, 60_000);
  await eventually(async () => (await old.get('k'))?.includes('old') ?? false);
  // The other server misses what is written from here on.
  await old.replicaof('NO', 'ONE');
  await publisher.invalidate([['k', 2]]);
  expect(await store.readOrLease('k', 1, 'y')).toMatchObject({ state: 'dead' });
  await following(admin, other.port);
  await inSync(admin);
  await admin.replicaof('NO', 'ONE');
  expect(await admin.get('k')).toContain('old');

  expect(connection.incarnation).toBe(before);
  const beats = () => publisher.heartbeat(0);
  await expect(beats()).rejects.toThrow('OTHERINCARNATION');
  expect(await known(connection)).not.toBe(before);
  await beats();

  // And a reader whose connection has noticed nothing yet.
  await following(admin, other.port);
  await inSync(admin);
  await admin.replicaof('NO', 'ONE');
  await expect(store.readOrLease('k', 1, 'x')).rejects.toThrow('OTHERINCARNATION');
  await known(connection);
  expect(await store.readOrLease('k', 1, 'x')).toMatchObject({ state: 'absent', lease: 'granted' });
  admin.disconnect();
  old.disconnect();
});

test('a server that hides INFO is not used', async () => {
  await using server = await startRedis();
  const admin = new Redis(server.url);
  await admin.call('ACL', 'SETUSER', 'blind', 'on', '>secret', '~*', '&*', '+@all', '-info');
  admin.disconnect();
  const connection = connect(server.url.replace('redis://', 'redis://blind:secret@'));
  await connection.start();
  expect(connection.incarnation).toBeUndefined();
  expect(errors.some(({ message }) => message.includes('NOPERM'))).toBe(true);
});

test('a call that Redis does not answer times out, and is not sent again on the next connection', async () => {
  await using server = await startRedis();
  const connection = connect(server.url);
  await connection.start();
  const store = new EntryStore(connection);
  await server.kill('SIGSTOP');
  const hanging = store.readOrLease('k', 1, 'x').catch((error: unknown) => error);
  expect(await hanging).toMatchObject({ message: 'Command timed out' });
  await server.kill('SIGCONT');
  await server.restart();
  await known(connection);
  const admin = new Redis(server.url);
  expect(await admin.info('commandstats')).not.toMatch(/cmdstat_eval/);
  admin.disconnect();
});

test('a connection that is replaced while it learns the incarnation learns it again', async () => {
  await using redis = await startRedis();
  await using proxy = await tcpProxy({ to: redis.port });
  const asked: PromiseWithResolvers<string>[] = [];
  const connection = connect(`redis://127.0.0.1:${proxy.port}`, {
    database: {
      currentIncarnation() {
        const question = Promise.withResolvers<string>();
        asked.push(question);
        return question.promise;
      },
    },
  });
  void connection.start();
  await eventually(() => asked.length === 1);
  // Redis has answered INFO. Postgres is slow, and the connection is replaced meanwhile.
  await connection.redis.ping();
  const first = connection.redis.stream;
  proxy.cut();
  await eventually(() => connection.redis.stream !== first && connection.redis.status === 'ready');
  asked[0]?.resolve('a database');
  await eventually(() => asked.length === 2);
  asked[1]?.resolve('a database');
  await eventually(() => connection.incarnation !== undefined);
  expect(connection.incarnation).toMatch(/^[0-9a-f]{16}$/);
});

test('a half-open connection is replaced', async () => {
  await using server = await startRedis();
  await using proxy = await tcpProxy({ to: server.port });
  const connection = connect(`redis://127.0.0.1:${proxy.port}`);
  await connection.start();
  const before = connection.requireIncarnation();
  proxy.blackhole();
  await expect(new EntryStore(connection).readOrLease('k', 1, 'x')).rejects.toThrow('Command timed out');
  await eventually(() => connection.incarnation === undefined);
  proxy.passThrough();
  expect(await known(connection)).toBe(before);
});
