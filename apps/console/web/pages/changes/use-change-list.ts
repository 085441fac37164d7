import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { getJson } from '../../http/api.ts';
import { useLive, useLiveState } from '../../http/live.ts';
import type { Trace } from '../keys/traces.ts';
import { latestChangesAddress } from './addresses.ts';
import {
  emptyList,
  pausedOrNot,
  withLatest,
  withRefreshed,
  withRow,
  type ChangeList,
} from './change-list.ts';

/** The changes of the last minutes, and all that follow. Whatever the stream has missed is loaded when it is open again. */
export function useChangeList() {
  const { isLive } = useLiveState();
  const [list, setList] = useState<ChangeList>(emptyList);
  const latest = useQuery({
    queryKey: ['latest changes'],
    queryFn: ({ signal }) => getJson<{ data: readonly Trace[] }>(latestChangesAddress, signal),
  });
  const { data, refetch } = latest;
  useEffect(() => {
    // One that is under way serves as well.
    if (isLive) void refetch({ cancelRefetch: false });
  }, [isLive, refetch]);
  useEffect(() => {
    if (data !== undefined) setList((now) => withLatest(now, data.data));
  }, [data]);
  useLive('applied', (trace) => setList((now) => withRow(now, { trace })));
  useLive('refreshed', ({ seq, refreshedAt }) => setList((now) => withRefreshed(now, seq, refreshedAt)));
  const note = (text: string): void => setList((now) => withRow(now, { note: text, at: performance.now() }));
  useLive('more', ({ count }) => note(`${count} more were applied at the same time`));
  useLive('missed', ({ count }) => note(`${count} were not shown, because they came too fast`));
  return {
    ...list,
    isLive,
    /** Whether it is not known yet what was applied before. */
    isPending: latest.isPending,
    /** Why that is not known. */
    error: latest.error,
    again: () => void refetch(),
    pauseOrGoOn: () => setList(pausedOrNot),
  };
}
