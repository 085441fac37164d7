import type { Row } from './row.ts';

/** Finds rows by their ids in the fault matrix. `3` and `4` both mean the row `3+4`. `unknown` has the ids of no row. */
export function selectRows(
  rows: readonly Row[],
  ids: readonly string[],
): { readonly chosen: readonly Row[]; readonly unknown: readonly string[] } {
  const names = ({ id }: Row): string[] => [id, ...id.split('+')];
  return {
    chosen: rows.filter((row) => names(row).some((name) => ids.includes(name))),
    unknown: ids.filter((id) => !rows.some((row) => names(row).includes(id))),
  };
}
