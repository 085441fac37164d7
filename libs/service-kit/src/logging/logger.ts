import {
  pino,
  stdSerializers,
  type DestinationStream,
  type Logger as PinoLogger,
  type SerializedError,
} from 'pino';
import { withoutCredentials } from '../config/define.ts';

export type Logger = PinoLogger;

const secretNames = ['authorization', 'cookie', 'password', 'secret', 'token', 'connectionString'];

function serializeError(error: Error): SerializedError {
  const serialized = stdSerializers.err(error);
  serialized.message = withoutCredentials(serialized.message);
  serialized.stack = withoutCredentials(serialized.stack);
  return serialized;
}

/** Writes one JSON line for each record, to stdout by default. */
export function createLogger(options: {
  service: string;
  level?: string;
  destination?: DestinationStream;
}): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: { service: options.service },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '***' },
    serializers: { err: serializeError, error: serializeError },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}
