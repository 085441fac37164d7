/** The configuration and the script of the cluster in Docker and Kubernetes, with real servers on this machine. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, rawHttp, redisProgram } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

const here = import.meta.dirname;
const password = 'for-this-test';
const count = 6;
const nodes: { readonly port: number; readonly busPort: number; process: ChildProcess }[] = [];
let folder = '';

async function startNode(port: number, busPort: number): Promise<ChildProcess> {
  // Like the command in docker-compose.yml, but with its own port and folder.
  const place = ['--port', String(port), '--cluster-port', String(busPort), '--bind', '127.0.0.1'];
  const child = spawn(
    redisProgram,
    [
      join(here, 'cluster.conf'),
      '--aclfile',
      join(folder, 'users.acl'),
      '--include',
      join(folder, 'replication.conf'),
      ...place,
      '--dir',
      folder,
      '--cluster-config-file',
      `nodes-${port}.conf`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  for await (const chunk of child.stdout as AsyncIterable<Buffer>)
    if (chunk.includes('Ready to accept connections')) break;
  return child;
}

async function stopNode({ process }: (typeof nodes)[number]): Promise<void> {
  process.kill('SIGKILL');
  if (process.exitCode === null && process.signalCode === null) await once(process, 'exit');
}

const create = () =>
  promisify(execFile)(
    'sh',
    [join(here, 'create-cluster.sh'), ...nodes.map(({ port, busPort }) => `127.0.0.1:${port}@${busPort}`)],
    {
      env: {
        ...process.env,
        REDISCLI_AUTH: password,
        REDIS_CLI: redisProgram.replace(/-server$/, '-cli'),
      },
      timeout: 60_000,
    },
  );

const ask = (port: number, command: string): Promise<string> =>
  rawHttp(port, `AUTH operator ${password}\r\n${command}\r\nQUIT\r\n`);

async function shape(): Promise<{ masters: number; replicas: number; slots: string }> {
  const text = await ask(nodes[0]?.port ?? 0, 'CLUSTER NODES');
  const info = await ask(nodes[0]?.port ?? 0, 'CLUSTER INFO');
  return {
    masters: text.match(/\bmaster\b/g)?.length ?? 0,
    replicas: text.match(/\bslave\b/g)?.length ?? 0,
    slots: /cluster_slots_ok:\d+/.exec(info)?.[0] ?? '',
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'catalog-redis-cluster-'));
  await writeFile(
    join(folder, 'users.acl'),
    `user default reset off ~* &* +@all\nuser operator reset on >${password} ~* &* +@all\n`,
  );
  await writeFile(join(folder, 'replication.conf'), `masteruser operator\nmasterauth ${password}\n`);
  for (let index = 0; index < count; index++) {
    const [port, busPort] = [await freePort(), await freePort()];
    nodes.push({ port, busPort, process: await startNode(port, busPort) });
  }
}, 60_000);
afterAll(async () => {
  await Promise.all(nodes.map(stopNode));
  await rm(folder, { recursive: true });
});

const patience = { timeout: 30_000 };
const whole = { masters: 3, replicas: 3, slots: 'cluster_slots_ok:16384' };

test('the script makes three masters with a replica each, and a second run changes nothing', async () => {
  await create();
  // The nodes tell each other.
  await expect.poll(shape, patience).toEqual(whole);
  await create();
  await expect.poll(shape, patience).toEqual(whole);
}, 120_000);

test('replicas follow their masters, which ask for a password', async () => {
  const upReplicas = async () => {
    const roles = await Promise.all(nodes.map(({ port }) => ask(port, 'INFO replication')));
    return roles.filter((text) => text.includes('role:slave') && text.includes('master_link_status:up'))
      .length;
  };
  await expect.poll(upReplicas, patience).toBe(3);
});

test('nodes that all got new addresses become the same cluster again', async () => {
  await Promise.all(nodes.map(stopNode));
  for (const [index] of nodes.entries()) {
    const [port, busPort] = [await freePort(), await freePort()];
    const former = nodes[index]?.port;
    // The node keeps its disk.
    const file = await readFile(join(folder, `nodes-${former}.conf`), 'utf8');
    await writeFile(join(folder, `nodes-${port}.conf`), file);
    nodes[index] = { port, busPort, process: await startNode(port, busPort) };
  }
  await create();
  await expect.poll(shape, patience).toEqual(whole);
}, 120_000);

test('a node has the limits of the single cache Redis', async () => {
  const settings = (text: string) => text.split('\n').filter((line) => /^\w/.test(line));
  const cluster = settings(await readFile(join(here, 'cluster.conf'), 'utf8'));
  for (const line of settings(await readFile(join(here, 'cache.conf'), 'utf8')))
    expect(cluster).toContain(line);
});
