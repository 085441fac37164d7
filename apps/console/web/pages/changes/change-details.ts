import type { LastChange } from '@catalog/contracts';
import { useEffect, useRef, useState } from 'react';
import { productIdIn } from '../../http/live.ts';
import { loadLastChanges } from '../../products/last-changes.ts';
import type { Trace } from '../keys/traces.ts';

/** Changes that arrive meanwhile share one call. */
const ask_ms = 500;
const mostInCall = 100;
/** As many as nobody scrolls back to. */
const mostKept = 1_000;

const nameOf = (productId: string, version: number | null): string => `${productId} ${version}`;

export type Details = (trace: Trace) => LastChange | undefined;

/**
 * What a change of a product was about: its SKU, who made it, and the fields. The page asks for it after the change has arrived. If a
 * newer change has followed by then, the answer is about the newer one, and the older one has no details.
 */
export function useChangeDetails(traces: readonly Trace[]): Details {
  const [known, setKnown] = useState<ReadonlyMap<string, LastChange>>(new Map());
  const shown = useRef(traces);
  const isAny = traces.length > 0;
  useEffect(() => {
    shown.current = traces;
  });
  useEffect(() => {
    if (!isAny) return undefined;
    const left = new AbortController();
    let asked = new Set<string>();
    const ask = async (): Promise<void> => {
      const names = new Map(
        shown.current
          .filter(({ entity }) => entity === 'product')
          .map(({ key, version }) => [nameOf(productIdIn(key), version), productIdIn(key)]),
      );
      const wanted = [...names].filter(([name]) => !asked.has(name)).slice(0, mostInCall);
      // Those that are no longer shown are forgotten.
      asked = new Set([...names.keys()].filter((name) => asked.has(name)));
      if (wanted.length === 0) return;
      for (const [name] of wanted) asked.add(name);
      const ids = [...new Set(wanted.map(([, id]) => id))].map((id) => ({ id }));
      const { data } = await loadLastChanges(ids, left.signal);
      setKnown((now) => {
        const all = [
          ...now,
          ...data.map((change) => [nameOf(change.productId, change.version), change] as const),
        ];
        return new Map(all.slice(-mostKept));
      });
    };
    // Without an answer the keys stand there alone.
    const look = (): void => void ask().catch(() => undefined);
    look();
    const timer = setInterval(look, ask_ms);
    return () => {
      clearInterval(timer);
      left.abort();
    };
  }, [isAny]);
  return ({ entity, key, version }) =>
    entity === 'product' ? known.get(nameOf(productIdIn(key), version)) : undefined;
}
