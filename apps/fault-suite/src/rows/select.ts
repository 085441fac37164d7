import type { Row } from './row.ts';

/** Rows by their ids in the fault matrix; the row `3+4` is meant by either number. What no row has is in `unknown`. */
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
