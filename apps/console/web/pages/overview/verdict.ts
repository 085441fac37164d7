import type { SystemState } from './state.ts';

export interface Verdict {
  readonly tone: 'good' | 'warn' | 'bad';
  readonly text: string;
}

/** The bound of the cache, see docs/protocol.md. */
const bound_s = 2;

export function verdictOf({ services, queues, feed }: SystemState): Verdict {
  const away = services.filter(({ state }) => state !== 'ready');
  if (away.length > 0) {
    const parts = away.map(
      ({ name, state }) => `${name} ${state === 'no answer' ? 'does not answer' : 'is not ready'}`,
    );
    return { tone: 'bad', text: `${parts.join(', ')}.` };
  }
  if (queues.some(({ counts }) => counts === undefined))
    return { tone: 'bad', text: 'The state Redis does not answer, so the queues are unknown.' };
  const age_s = feed.watermarkAge_s;
  if (age_s === undefined)
    return { tone: 'warn', text: 'catalog-read does not say how far the cache has come.' };
  if (age_s > bound_s)
    return {
      tone: 'warn',
      text: `The cache is ${age_s.toFixed(1)} s behind Postgres. Readers ask Postgres.`,
    };
  return { tone: 'good', text: `All changes are applied up to ${age_s.toFixed(1)} s ago.` };
}
