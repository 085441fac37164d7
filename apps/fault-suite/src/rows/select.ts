import type { Row } from './row.ts';

interface Choice {
  readonly chosen: readonly Row[];
  /** Rows that cannot run with this cache, with the reason. */
  readonly excluded: readonly { readonly row: Row; readonly why: string }[];
}

/** The rows that run with this cache: one server or a cluster. @param named whether `--row` names these rows */
export function rowsFor(rows: readonly Row[], isCluster: boolean, named: boolean): Choice {
  const whyNot = ({ onCluster }: Row): string | undefined =>
    !isCluster && onCluster === 'only' ? 'it needs --cluster' : undefined;
  const wanted = rows.filter(
    ({ onCluster }) => named || (isCluster ? onCluster !== undefined : onCluster !== 'only'),
  );
  return {
    chosen: wanted.filter((row) => whyNot(row) === undefined),
    excluded: wanted.flatMap((row) => {
      const why = whyNot(row);
      return why === undefined ? [] : [{ row, why }];
    }),
  };
}

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
