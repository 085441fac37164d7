/** The services of the stack, in the order in which they are started; they are stopped all at once. */
import type { Listener } from '../machine/ports.ts';

export interface ServiceEntry {
  /** Its folder under apps/, its port's name, its ACL user. */
  readonly name: Listener;
  /** Its role in Postgres. */
  readonly databaseRole: string;
  readonly usesCacheRedis: boolean;
  readonly usesStateRedis: boolean;
  readonly env: Readonly<Record<string, string>>;
  /** What Node runs, in the service's folder; `src/main.ts` where unset. */
  readonly main?: string;
  /** It gets the URL of each, and a key of its own to sign its calls with, under its own name. */
  readonly calls?: readonly Listener[];
  /** All that tokens signed with that key may grant. */
  readonly scopes?: readonly string[];
  /** Secrets of its own, drawn at random: the variable, and the name under which the stack keeps it. */
  readonly words?: Readonly<Record<string, string>>;
}

/** Kept under these names. */
export const consoleAdmin = { username: 'admin', word: 'console-admin-password' } as const;

/** Nobody's load test of a stack on its own machine is somebody's abuse. */
const unlimited = { RATE_LIMIT_REQUESTS: '1000000000' } as const;

export const services: readonly ServiceEntry[] = [
  {
    name: 'invalidation-worker',
    databaseRole: 'invalidation_worker',
    usesCacheRedis: true,
    usesStateRedis: true,
    env: {},
  },
  {
    name: 'catalog-read',
    databaseRole: 'catalog_read',
    usesCacheRedis: true,
    usesStateRedis: true,
    // For trying it with curl; a deployment asks for a token.
    env: { ALLOW_ANONYMOUS_READS: 'true', ...unlimited },
  },
  {
    name: 'catalog-write',
    databaseRole: 'catalog_write',
    usesCacheRedis: false,
    usesStateRedis: true,
    env: unlimited,
  },
  {
    name: 'orders',
    databaseRole: 'orders',
    usesCacheRedis: true,
    usesStateRedis: true,
    env: unlimited,
    calls: ['catalog-read'],
    scopes: ['catalog:read'],
  },
  {
    name: 'console',
    databaseRole: 'console',
    usesCacheRedis: true,
    usesStateRedis: true,
    env: { FIRST_ADMIN_USERNAME: consoleAdmin.username },
    main: 'server/main.ts',
    calls: ['catalog-read', 'catalog-write', 'invalidation-worker', 'orders'],
    // It asks the others only how they are, which needs no token; of the worker it asks purges.
    scopes: ['catalog:operate'],
    words: { SESSION_SECRET: 'console-session-secret', FIRST_ADMIN_PASSWORD: consoleAdmin.word },
  },
];
