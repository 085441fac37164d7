import { availableParallelism } from 'node:os';

/** The core of the measured server, and those of all others; undefined if this system cannot choose cores. */
export const cores: { readonly measured: number; readonly others: string } | undefined =
  process.platform === 'linux' && availableParallelism() > 1
    ? { measured: 0, others: availableParallelism() === 2 ? '1' : `1-${availableParallelism() - 1}` }
    : undefined;

export const onCores = (list: string | undefined, command: readonly string[]): string[] =>
  list === undefined ? [...command] : ['taskset', '-c', list, ...command];
