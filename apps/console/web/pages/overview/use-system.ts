import { useQuery } from '@tanstack/react-query';
import { getJson } from '../../http/api.ts';
import { wrongEntriesQuery } from '../keys/wrong-entries.ts';
import { causesOf, type Cause } from './causes.ts';
import type { SystemState } from './state.ts';

/** The state of the system, asked every second, and the sentences about it. */
export function useSystem(): {
  readonly state: SystemState | undefined;
  readonly causes: readonly Cause[];
  readonly error: Error | null;
  readonly refetch: () => void;
} {
  const { data, error, refetch } = useQuery({
    queryKey: ['state'],
    queryFn: ({ signal }) => getJson<SystemState>('/api/state', signal),
    refetchInterval: 1_000,
  });
  const { data: wrong } = useQuery({
    ...wrongEntriesQuery(),
    enabled: (data?.feed.wrongEntries ?? 0) > 0,
  });
  return {
    state: data,
    causes: data === undefined ? [] : causesOf(data, wrong?.data),
    error,
    refetch: () => void refetch(),
  };
}
