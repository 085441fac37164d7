/** The services of the stack, in the order of their start. They are stopped all at once. */
import { availableParallelism } from 'node:os';
import type { Listener } from '@catalog/contracts';

export interface ServiceEntry {
  /** Names its folder under apps/, its port and its ACL user. */
  readonly name: Listener;
  readonly databaseRole: string;
  readonly usesCacheRedis: boolean;
  readonly usesStateRedis: boolean;
  /** The scopes that its routes ask for. `npm run token` makes tokens for it with them. */
  readonly asksFor: readonly string[];
  /** What the stack sets unless the person who starts it has set it. */
  readonly env: Readonly<Record<string, string>>;
  /** The file in the service's folder that Node runs. The default is `src/main.ts`. */
  readonly main?: string;
  /** The services that it calls. It gets their URLs, and a key of its own to sign its calls. */
  readonly calls?: readonly Listener[];
  /** The scopes that tokens signed with that key may grant. */
  readonly scopes?: readonly string[];
  /** It may break parts of this stack, in the name of an admin. */
  readonly breaksStack?: boolean;
  /** Random secrets of its own: by variable, the name under which the stack keeps the secret. */
  readonly randomSecrets?: Readonly<Record<string, string>>;
}

/** The first admin of the console; `password` is the name of a random secret. */
export const consoleAdmin = { username: 'admin', password: 'console-admin-password' } as const;

/** A load test of a stack on one's own machine is no abuse. */
const unlimited = { RATE_LIMIT_REQUESTS: '1000000000' } as const;

/** All cores, but each process has a near cache of up to 64 MiB, and the other services and stores need cores too. */
const readWorkers = Math.min(4, availableParallelism());

export const services: readonly ServiceEntry[] = [
  {
    name: 'invalidation-worker',
    asksFor: ['catalog:operate'],
    databaseRole: 'invalidation_worker',
    usesCacheRedis: true,
    usesStateRedis: true,
    env: {},
  },
  {
    name: 'catalog-read',
    asksFor: ['catalog:read', 'catalog:changes'],
    databaseRole: 'catalog_read',
    usesCacheRedis: true,
    usesStateRedis: true,
    // So that a person can try it with curl. A deployment asks for a token.
    env: {
      ALLOW_ANONYMOUS_READS: 'true',
      WORKERS: String(readWorkers),
      LOADS_PER_SECOND: '1000000',
      // What a read leaves behind dies in a larger young generation. docs/performance.md has the figures.
      NODE_OPTIONS: '--max-semi-space-size=32',
      ...unlimited,
    },
  },
  {
    name: 'catalog-write',
    asksFor: ['catalog:write'],
    databaseRole: 'catalog_write',
    usesCacheRedis: false,
    usesStateRedis: true,
    env: unlimited,
  },
  {
    name: 'orders',
    asksFor: ['orders:read', 'orders:write'],
    databaseRole: 'orders',
    usesCacheRedis: true,
    usesStateRedis: true,
    env: unlimited,
    calls: ['catalog-read'],
    scopes: ['catalog:read', 'catalog:changes'],
  },
  {
    name: 'console',
    asksFor: [],
    databaseRole: 'console',
    usesCacheRedis: true,
    usesStateRedis: true,
    env: { FIRST_ADMIN_USERNAME: consoleAdmin.username },
    main: 'server/main.ts',
    breaksStack: true,
    calls: ['catalog-read', 'catalog-write', 'invalidation-worker', 'orders'],
    // It calls the others in the name of the people who are signed in.
    scopes: ['catalog:read', 'catalog:write', 'catalog:operate', 'orders:read', 'orders:write'],
    randomSecrets: {
      SESSION_SECRET: 'console-session-secret',
      FIRST_ADMIN_PASSWORD: consoleAdmin.password,
    },
  },
];
