import { type Look, Watermark } from '@catalog/change-feed';

/** By the clock of a shard, and by `performance.now`, because the clock of a shard may be set back. */
interface ShardWatermark {
  readonly ofShard: Watermark;
  readonly own: Watermark;
}

/**
 * A watermark for each shard of the cache. A shard with a new incarnation begins without one, because another server has another
 * clock.
 */
export class Watermarks {
  #byIncarnation = new Map<string, ShardWatermark>();

  /**
   * @param clocks by the incarnation of each shard that is there, its clock before the look
   * @param ownAt_ms by `performance.now`, before the look
   */
  look(clocks: ReadonlyMap<string, number>, ownAt_ms: number, look: Look): void {
    for (const [incarnation, at_ms] of clocks) {
      const { ofShard, own } = this.#byIncarnation.get(incarnation) ?? this.#begin(incarnation);
      ofShard.look(at_ms, look);
      own.look(ownAt_ms, look);
    }
  }

  /** Undefined while none is known. */
  of(incarnation: string): { readonly at_ms: number; readonly ownAt_ms: number } | undefined {
    const known = this.#byIncarnation.get(incarnation);
    const [at_ms, ownAt_ms] = [known?.ofShard.at, known?.own.at];
    return at_ms === undefined || ownAt_ms === undefined ? undefined : { at_ms, ownAt_ms };
  }

  /** Forgets the watermarks of all other incarnations. */
  keep(incarnations: readonly string[]): void {
    const kept = new Set(incarnations);
    for (const incarnation of this.#byIncarnation.keys())
      if (!kept.has(incarnation)) this.#byIncarnation.delete(incarnation);
  }

  reset(): void {
    this.#byIncarnation.clear();
  }

  #begin(incarnation: string): ShardWatermark {
    const begun = { ofShard: new Watermark(), own: new Watermark() };
    this.#byIncarnation.set(incarnation, begun);
    return begun;
  }
}
