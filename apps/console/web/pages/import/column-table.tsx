import { Scroll } from '../../elements/scroll.tsx';
import { moneyText } from '../../elements/values.tsx';
import { allFields, fieldNames, type FieldName } from '../../products/fields.ts';
import type { ColumnMap } from './columns.ts';
import type { Header } from './records.ts';

const units: Readonly<Partial<Record<FieldName, string>>> = {
  priceMinor: 'in cents',
  weightGrams: 'in g',
  lengthMm: 'in mm',
  widthMm: 'in mm',
  heightMm: 'in mm',
  attributes: 'as JSON',
};

const leftOut = '-';

/** A price in cents also as people read it, because `20` is no 20.00. */
const priceText = (cents: string): string =>
  /^\d{1,12}$/.test(cents) ? `${cents} = ${moneyText(Number(cents), 'EUR').replace(' EUR', '')}` : cents;

/** Which field each column holds, with the first values of the column. */
export function ColumnTable({
  header,
  map,
  choose,
}: {
  header: Header;
  map: ColumnMap;
  choose: (map: ColumnMap) => void;
}) {
  return (
    <Scroll label="Columns of the file">
      <table className="stacked">
        <thead>
          <tr>
            <th>Column</th>
            <th>Holds</th>
            <th>First values</th>
          </tr>
        </thead>
        <tbody>
          {header.columns.map((column, index) => {
            const chosen = map[column];
            return (
              <tr key={`${index} ${column}`}>
                <th scope="row" className="mono">
                  {column === '' ? '(no name)' : column}
                </th>
                <td>
                  <select
                    className="narrow"
                    aria-label={`The column ${column} holds`}
                    aria-invalid={chosen === undefined || undefined}
                    value={chosen === '' ? leftOut : (chosen ?? '')}
                    onChange={({ target: { value } }) =>
                      choose({ ...map, [column]: value === leftOut ? '' : (value as FieldName) })
                    }
                  >
                    {chosen === undefined && <option value="">choose…</option>}
                    <option value={leftOut}>nothing: leave it out</option>
                    {allFields.map((field) => (
                      <option key={field} value={field}>
                        {fieldNames[field]}
                        {units[field] === undefined ? '' : ` ${units[field]}`}
                      </option>
                    ))}
                  </select>
                </td>
                <td className="wide faint">
                  {header.samples
                    .map((cells) => cells[index] ?? '')
                    .filter((text) => text !== '')
                    .map((text) => (chosen === 'priceMinor' ? priceText(text) : text))
                    .join(' · ')}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}
