/** All parts of a page share one live stream. It has an event for each change that is applied, also for those made by SQL. */
import { PRODUCT, type ShownTrace as Trace } from '@catalog/contracts';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { openLiveStream, type Told } from './live-stream.ts';

export interface LiveEvents {
  readonly applied: Trace;
  readonly refreshed: { readonly seq: number; readonly refreshedAt: string };
  readonly more: { readonly count: number };
  readonly missed: { readonly count: number };
}
/** The id in the key of a product. */
export const productIdIn = (key: string): string => key.slice(PRODUCT.cacheKey('').length);

type LiveName = keyof LiveEvents;
type Listener = (data: unknown) => void;

const names: readonly LiveName[] = ['applied', 'refreshed', 'more', 'missed'];

export interface LiveState {
  /** True while changes arrive. */
  readonly isLive: boolean;
  /** Since when no changes arrive. */
  readonly since: string | undefined;
}

let closeStream: (() => void) | undefined;
let state: LiveState = { isLive: false, since: undefined };
const listeners = new Map<LiveName, Set<Listener>>(names.map((name) => [name, new Set()]));
const watchers = new Set<() => void>();

function become(isLive: boolean): void {
  if (isLive === state.isLive && (state.since === undefined) === isLive) return;
  state = isLive ? { isLive, since: undefined } : { isLive, since: state.since ?? new Date().toISOString() };
  for (const watcher of watchers) watcher();
}

function hear({ name, data }: Told): void {
  if (name === 'link') become((data as { open: boolean }).open);
  for (const listener of listeners.get(name as LiveName) ?? []) listener(data);
}

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher);
  closeStream ??= openLiveStream(names, hear);
  return () => {
    watchers.delete(watcher);
    // A page that follows soon keeps the stream.
    setTimeout(() => {
      if (watchers.size > 0) return;
      closeStream?.();
      closeStream = undefined;
      state = { isLive: false, since: undefined };
    }, 1_000);
  };
}

/** Whether live changes arrive. Opens the stream while the component is shown. */
export const useLiveState = (): LiveState => useSyncExternalStore(subscribe, () => state);

/** Calls `listener` for each live event of this name. */
export function useLive<Name extends LiveName>(name: Name, listener: (data: LiveEvents[Name]) => void): void {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => {
    const call: Listener = (data) => latest.current(data as LiveEvents[Name]);
    const close = subscribe(() => undefined);
    listeners.get(name)?.add(call);
    return () => {
      listeners.get(name)?.delete(call);
      close();
    };
  }, [name]);
}
