/** How a service is started and known to be ready. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { host } from '../machine/ports.ts';
import { stopPatience_ms } from '../processes/stop-patience.ts';
import type { ProcessSpec } from '../processes/supervised-process.ts';

/** Short, since a start waits for it; the services answer at once or not at all. */
const readinessPoll_ms = 50;

export interface ServiceOptions {
  readonly name: string;
  readonly port: number;
  /** The file that Node runs. */
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
}

export function serviceProcess({ name, port, main, env }: ServiceOptions): ProcessSpec {
  return {
    name,
    file: process.execPath,
    args: [main],
    env: { ...inherited(), ...env, PORT: String(port), HOST: host },
    cwd: join(main, '../..'),
    marker: main,
    stopSignal: 'SIGTERM',
    stopPatience_ms: stopPatience_ms.service,
    startPatience_ms: 60_000,
    ready: ({ signal }) => untilReady(`http://${host}:${port}/readyz`, signal),
    surface: surfaceServiceLine,
  };
}

const storeVariables = ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'CACHE_REDIS_URL', 'STATE_REDIS_URL'];

/** The stack's own variables, without stores that the service's entry does not give it. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !storeVariables.includes(name)));
}

async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const response = await fetch(url, { signal });
      await response.body?.cancel();
      if (response.status === 200) return;
    } catch {
      // It does not listen yet.
    }
    await pause(readinessPoll_ms, undefined, { signal });
  }
}

const shownLevels = ['error', 'fatal'];
const recordSchema = z.object({
  level: z.string(),
  msg: z.string().default(''),
  err: z.object({ message: z.string() }).optional(),
});

/** Errors, and whatever is not a log record: that is Node reporting a crash. */
function surfaceServiceLine(line: string): string | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return line.trim() === '' ? undefined : line;
  }
  const record = recordSchema.safeParse(json);
  if (!record.success || !shownLevels.includes(record.data.level)) return undefined;
  const { msg, err } = record.data;
  return err ? `${msg}: ${err.message}` : msg;
}
