/** How old the answers were, over a whole history. */
import { staleness_ms } from './checker.ts';
import type { Operation } from './operation.ts';

export interface Staleness {
  readonly read: Operation;
  readonly behind_ms: number;
}

export interface Worst {
  /** The oldest answer that was not marked stale. */
  readonly unmarkedStaleness_ms: number;
  readonly markedStale: number;
  readonly failed: number;
  /** Reads with Min-Version that were not answered. */
  readonly refused: number;
}

export function staleness(history: readonly Operation[]): Staleness[] {
  const changes = Map.groupBy(
    history.filter(({ kind, outcome }) => kind !== 'read' && outcome === 'ok'),
    ({ key }) => key,
  );
  return history
    .filter(({ kind, outcome }) => kind === 'read' && outcome === 'ok')
    .map((read) => ({ read, behind_ms: staleness_ms(read, changes.get(read.key) ?? []) }));
}

export function worstOf(history: readonly Operation[], points: readonly Staleness[]): Worst {
  const unanswered = history.filter(({ kind, outcome }) => kind === 'read' && outcome !== 'ok');
  const refused = unanswered.filter(({ minVersion }) => minVersion !== undefined).length;
  return {
    unmarkedStaleness_ms: points
      .filter(({ read }) => read.stale !== true)
      .reduce((most, { behind_ms }) => Math.max(most, behind_ms), 0),
    markedStale: history.filter(({ stale }) => stale === true).length,
    failed: unanswered.length - refused,
    refused,
  };
}
