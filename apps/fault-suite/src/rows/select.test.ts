import { describe, expect, test } from 'vitest';
import type { Row } from './row.ts';
import { rows } from './rows.ts';
import { rowsFor, selectRows } from './select.ts';

const ids = (...wanted: string[]) => selectRows(rows, wanted).chosen.map(({ id }) => id);

test('a row with two numbers is chosen by either number, and only once', () => {
  for (const wanted of [['3'], ['4'], ['3+4'], ['3', '4']]) expect(ids(...wanted)).toEqual(['3+4']);
});

test('a row is chosen by its whole id, and an unknown id is reported', () => {
  expect(ids('12')).toEqual(['12']);
  expect(ids('12b', '12')).toEqual(['12', '12b']);
  expect(selectRows(rows, ['24', '99', '']).unknown).toEqual(['99', '']);
});

describe('with --cluster', () => {
  const idsOf = (chosen: readonly Row[]) => chosen.map(({ id }) => id);

  test('the rows of the cache Redis run', () => {
    const { chosen, excluded } = rowsFor(rows, true, false);
    expect(idsOf(chosen)).toEqual(expect.arrayContaining(['1', '24', '73']));
    expect(idsOf(chosen)).not.toContain('43');
    expect(excluded).toEqual([]);
    expect(idsOf(chosen)).toContain('60');
  });

  test('a row that somebody names runs', () => {
    expect(idsOf(rowsFor(selectRows(rows, ['12', '73']).chosen, true, true).chosen)).toEqual(['12', '73']);
  });

  test('rows of a cluster do not run without --cluster', () => {
    expect(idsOf(rowsFor(rows, false, false).chosen)).not.toContain('73');
    expect(rowsFor(rows, false, false).excluded).toEqual([]);
    const named = rowsFor(selectRows(rows, ['73', '24']).chosen, false, true);
    expect(idsOf(named.chosen)).toEqual(['24']);
    expect(named.excluded.map(({ why }) => why)).toEqual(['it needs --cluster']);
  });
});
