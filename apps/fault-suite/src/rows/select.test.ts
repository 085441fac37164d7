import { expect, test } from 'vitest';
import { rows } from './rows.ts';
import { selectRows } from './select.ts';

const ids = (...wanted: string[]) => selectRows(rows, wanted).chosen.map(({ id }) => id);

test('a row with two numbers is chosen by either number, and only once', () => {
  for (const wanted of [['3'], ['4'], ['3+4'], ['3', '4']]) expect(ids(...wanted)).toEqual(['3+4']);
});

test('a row is chosen by its whole id, and an unknown id is reported', () => {
  expect(ids('12')).toEqual(['12']);
  expect(ids('12b', '12')).toEqual(['12', '12b']);
  expect(selectRows(rows, ['24', '99', '']).unknown).toEqual(['99', '']);
});
