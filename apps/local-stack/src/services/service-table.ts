/** The services of the stack, in the order in which they are started; they are stopped the other way round. */
import type { Listener } from '../machine/ports.ts';

export interface ServiceEntry {
  /** Its folder under apps/, its port's name, its ACL user. */
  readonly name: Listener;
  /** Its role in Postgres. */
  readonly databaseRole: string;
  readonly usesCacheRedis: boolean;
  readonly usesStateRedis: boolean;
  readonly env: Readonly<Record<string, string>>;
}

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
    env: { ALLOW_ANONYMOUS_READS: 'true' },
  },
  {
    name: 'catalog-write',
    databaseRole: 'catalog_write',
    usesCacheRedis: false,
    usesStateRedis: false,
    env: {},
  },
];
