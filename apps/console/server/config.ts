import {
  baseConfig,
  ConfigError,
  databaseConfig,
  defineConfig,
  redisConfig,
  secret,
  url,
  type Environment,
} from '@catalog/service-kit';
import { z } from 'zod';
import { passwordSchema, usernamePattern } from './accounts/rules.ts';
import { isLoopback } from './sessions/origin.ts';

const serviceUrl = url(['http', 'https']).transform((value) => value.replace(/\/+$/, ''));

/** @throws ConfigError with every mistake at once */
export function readConfig(environment?: Environment) {
  const config = defineConfig(
    {
      ...baseConfig,
      DATABASE_URL: databaseConfig.DATABASE_URL,
      ...redisConfig,
      /** The address of the console in a browser. `http://127.0.0.1:<PORT>` unless set. */
      CONSOLE_ORIGIN: url(['http', 'https'])
        .transform((value) => new URL(value).origin)
        .optional(),
      /** Signs session cookies. */
      SESSION_SECRET: secret(z.string().min(32)),
      /** The private key of the console, a JWK. It signs the calls to other services. */
      SERVICE_KEY_FILE: z.string().min(1),
      CATALOG_READ_URL: serviceUrl,
      CATALOG_WRITE_URL: serviceUrl,
      INVALIDATION_WORKER_URL: serviceUrl,
      ORDERS_URL: serviceUrl.optional(),
      /** Set by the local stack alone: the socket on which it breaks its parts when an admin asks for it. */
      BREAK_SOCKET: z.string().min(1).optional(),
      /** At the start, while there are no users, the console creates this admin. */
      FIRST_ADMIN_USERNAME: z
        .string()
        .regex(usernamePattern, { error: 'must be a user name in lower case' })
        .default('admin'),
      FIRST_ADMIN_PASSWORD: secret(passwordSchema.optional()),
    },
    environment,
  );
  const origin = config.CONSOLE_ORIGIN ?? `http://127.0.0.1:${config.PORT}`;
  if (origin.startsWith('http:') && !isLoopback(new URL(origin).hostname))
    throw new ConfigError([
      `CONSOLE_ORIGIN: must start with https:// unless it names this machine. Otherwise passwords and sessions travel unencrypted (given: "${origin}")`,
    ]);
  return { ...config, origin };
}
