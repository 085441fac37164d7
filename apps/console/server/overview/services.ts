import type { Clock } from '@catalog/service-kit';
import { z } from 'zod';

export interface ServiceAddress {
  readonly name: string;
  readonly url: string;
}

export interface ServiceState {
  readonly name: string;
  readonly state: 'ready' | 'not ready' | 'no answer';
  /** The checks and warnings that the service itself reports as not ok, by name. */
  readonly failing: Readonly<Record<string, string>>;
  readonly answeredInMs: number;
  /** Since when it is in this state, in milliseconds since 1970. */
  readonly sinceMs: number;
}

/** A healthy service answers at once. The page should not wait longer for the others. */
const timeout_ms = 1_500;

const answersSchema = z.record(z.string(), z.string()).default({});
const reportSchema = z.object({ checks: answersSchema, warnings: answersSchema });

type Asked = Omit<ServiceState, 'sinceMs'>;

async function askService({ name, url }: ServiceAddress): Promise<Asked> {
  const began_ms = performance.now();
  const answeredIn_ms = (): number => Math.round(performance.now() - began_ms);
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(timeout_ms) });
    const { checks, warnings } = reportSchema.parse(await response.json());
    const failing = Object.fromEntries(
      [...Object.entries(checks), ...Object.entries(warnings)].filter(([, answer]) => answer !== 'ok'),
    );
    return { name, state: response.ok ? 'ready' : 'not ready', failing, answeredInMs: answeredIn_ms() };
  } catch {
    return { name, state: 'no answer', failing: {}, answeredInMs: answeredIn_ms() };
  }
}

/** Asks the services for their state, and remembers since when each is in it. */
export function serviceStates(
  services: readonly ServiceAddress[],
  clock: Pick<Clock, 'now'>,
): () => Promise<ServiceState[]> {
  const since = new Map<string, { state: string; at_ms: number }>();
  return async () => {
    const at_ms = clock.now();
    const asked = await Promise.all(services.map(askService));
    return asked.map((service) => {
      if (since.get(service.name)?.state !== service.state)
        since.set(service.name, { state: service.state, at_ms });
      return { ...service, sinceMs: since.get(service.name)?.at_ms ?? at_ms };
    });
  };
}

/** Empty when the service does not answer, which the state of the services shows. */
export async function metricsOf(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(timeout_ms) });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}
