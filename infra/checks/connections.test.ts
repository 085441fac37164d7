/** In every deployment the pools of a service fit into the connections that its role may have in Postgres. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repositoryRoot } from './sources.ts';

const text = (file: string): string => readFileSync(join(repositoryRoot, file), 'utf8');

function numberIn(file: string, pattern: RegExp): number {
  const found = pattern.exec(text(file))?.[1];
  if (found === undefined) throw new Error(`${file} does not match ${pattern}`);
  return Number(found);
}

const poolSize = /DATABASE_POOL_SIZE: .*\.default\((\d+)\)/;
const defaultPool = numberIn('libs/database/src/postgres/pool.ts', /max: options\.max \?\? (\d+)/);
const imports = numberIn('apps/catalog-write/src/imports/limits.ts', /simultaneous: (\d+)/);

interface Process {
  readonly service: string;
  readonly role: string;
  /** Simultaneous connections of one process, including those that are open for a moment only. */
  readonly each: number;
  /** How many of these do not go through a pooler. */
  readonly direct: number;
}

const processes: readonly Process[] = [
  {
    service: 'catalog-read',
    role: 'catalog_read',
    // The last connection asks for the incarnation.
    each:
      numberIn('apps/catalog-read/src/config.ts', poolSize) +
      numberIn('apps/catalog-read/src/main.ts', /changesConnections = (\d+)/) +
      1,
    direct: 0,
  },
  { service: 'catalog-write', role: 'catalog_write', each: defaultPool + imports, direct: imports },
  {
    service: 'invalidation-worker',
    role: 'invalidation_worker',
    // The doorbell and the awake lock have one each, and each pool asks for the incarnation.
    each:
      numberIn('apps/invalidation-worker/src/main.ts', /max: (\d+)/) +
      numberIn('libs/change-feed/src/outbox/outbox.ts', /max: (\d+)/) +
      4,
    // The doorbell, the awake lock, one that asks for the incarnation, and the pool of the outbox.
    direct: numberIn('libs/change-feed/src/outbox/outbox.ts', /max: (\d+)/) + 3,
  },
  {
    service: 'orders',
    role: 'orders',
    each: numberIn('apps/orders/src/config.ts', poolSize) + 1,
    direct: 0,
  },
  {
    service: 'console',
    role: 'console',
    each: numberIn('apps/console/server/main.ts', /max: (\d+)/) + 1,
    direct: 0,
  },
];

/** As `provision.sql` computes it. */
function limitOf(role: string, maxConnections: number): number {
  const percent = new RegExp(`\\('${role}', (\\d+)\\)`);
  return Math.floor((maxConnections * numberIn('libs/database/src/migrations/provision.sql', percent)) / 100);
}

/** Each deployment: max_connections, and how many connections a service opens at most. */
interface Deployment {
  readonly maxConnections: number;
  connections(process: Process): number;
}

const autoscaling = text('infra/kubernetes/large/autoscaling.yaml');
const podsAtMost = (service: string): number => {
  const scaled = new RegExp(`scaleTargetRef: {.*name: ${service} }[^]*?max(?:Replicas|ReplicaCount): (\\d+)`);
  const found = scaled.exec(autoscaling)?.[1];
  return found === undefined ? pods(service) : Number(found);
};
const pods = (service: string): number =>
  numberIn(`infra/kubernetes/base/${service}.yaml`, /^ {2}replicas: (\d+)/m);
/** A new pod is ready before an old one goes. */
const surge = numberIn('infra/kubernetes/base/service-defaults.yaml', /maxSurge: (\d+)/);

const deployments: Readonly<Record<string, Deployment>> = {
  'npm start': {
    maxConnections: numberIn('apps/local-stack/src/stores/postgres.ts', /max_connections: '(\d+)'/),
    connections: ({ service, each }) =>
      service === 'catalog-read'
        ? each * numberIn('apps/local-stack/src/service-table.ts', /Math\.min\((\d+), availableParallelism/)
        : each,
  },
  'docker compose': {
    maxConnections: numberIn('docker-compose.yml', /max_connections=(\d+)/),
    connections: ({ each }) => each,
  },
  'kubernetes/small': {
    maxConnections: numberIn('infra/kubernetes/stores/postgres.yaml', /max_connections: '(\d+)'/),
    connections: ({ service, each }) => each * (pods(service) + surge),
  },
  'kubernetes/large': {
    maxConnections: numberIn('infra/kubernetes/large/postgres.yaml', /max_connections: '(\d+)'/),
    connections({ service, each, direct }) {
      const atMost = podsAtMost(service) + surge;
      const instances = numberIn('infra/kubernetes/large/pooler.yaml', /instances: (\d+)/);
      const pool = numberIn('infra/kubernetes/large/pooler.yaml', /default_pool_size: '(\d+)'/);
      return Math.min(instances * pool, (each - direct) * atMost) + direct * atMost;
    },
  },
};

/** @returns one sentence for each service whose pools do not fit */
function tooMany(name: string, { maxConnections, connections }: Deployment): string[] {
  return processes.flatMap((process) => {
    const needed = connections(process);
    const limit = limitOf(process.role, maxConnections);
    return needed <= limit
      ? []
      : [
          `${name}: ${process.service} opens up to ${needed} connections, but ${process.role} may have ${limit} of ${maxConnections}`,
        ];
  });
}

test('the shares of the roles leave a tenth of max_connections to operators', () => {
  const percents = processes.map(({ role }) => limitOf(role, 100));
  expect(percents.reduce((sum, percent) => sum + percent, 0)).toBe(90);
});

test.each(Object.entries(deployments))('%s: the pools of all services fit', (name, deployment) => {
  expect(tooMany(name, deployment)).toEqual([]);
});

test('the check names a service whose pools do not fit, with its numbers', () => {
  const small = { maxConnections: 100, connections: ({ each }: Process) => 2 * each };
  expect(tooMany('small', small)).toContain(
    'small: catalog-write opens up to 28 connections, but catalog_write may have 20 of 100',
  );
});
