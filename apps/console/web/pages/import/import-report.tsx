import type { ImportResult } from '@catalog/contracts';
import { useQuery } from '@tanstack/react-query';
import { Scroll } from '../../elements/scroll.tsx';
import { amount, count } from '../../elements/values.tsx';
import { fieldNames, valueText, type FieldName } from '../../products/fields.ts';
import { errorsByLine, failedRows, reasonOf, saveAs } from './failed-rows.ts';
import { ImportInvalidations } from './import-invalidations.tsx';
import type { ChosenFile } from './chosen-file.ts';
import { recordsOn, textOf } from './records.ts';

/** What a check found, or what an import did. */
export function ImportReport({
  chosen,
  result,
  took_ms,
}: {
  chosen: ChosenFile;
  result: ImportResult;
  took_ms: number;
}) {
  const { tone, text } = verdictOf(result);
  return (
    <>
      <section className="panel" aria-label="Result">
        <p className={`banner ${tone}`} role="status">
          <span className={`dot ${tone}`} /> {text}
        </p>
        <dl className="counts">
          {(
            [
              ['records', result.received],
              ['created', result.created],
              ['changed', result.updated],
              ['unchanged', result.unchanged],
              ['left out', result.skipped],
              ['wrong', result.failed],
            ] as const
          ).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className={name === 'wrong' && value > 0 ? 'bad-text' : ''}>{count(value)}</dd>
            </div>
          ))}
          <div>
            <dt>took</dt>
            <dd>{(took_ms / 1_000).toFixed(1)} s</dd>
          </div>
        </dl>
        {result.transaction !== null && <ImportInvalidations transaction={result.transaction} />}
      </section>
      {result.changes !== null && result.changes.rows.length > 0 && <Changes changes={result.changes} />}
      {result.errors.length > 0 && <Errors chosen={chosen} result={result} />}
    </>
  );
}

function verdictOf(result: ImportResult): { tone: 'good' | 'warn' | 'bad'; text: string } {
  const { state, dryRun, failed, received } = result;
  if (state === 'rejected')
    return {
      tone: 'bad',
      text: `Nothing has changed: ${count(failed)} of ${amount(received, 'record', 'records')} cannot be imported.`,
    };
  if (state === 'failed') return { tone: 'bad', text: 'Nothing has changed: the import was cut off.' };
  if (received === 0) return { tone: 'warn', text: 'The file has no records, so nothing changes.' };
  if (dryRun)
    return failed > 0
      ? {
          tone: 'warn',
          text: `Checked. ${amount(failed, 'record', 'records')} would be left out; nothing has changed yet.`,
        }
      : { tone: 'good', text: 'Checked. Nothing has changed yet.' };
  return failed > 0
    ? { tone: 'warn', text: `Imported, without ${amount(failed, 'record', 'records')}.` }
    : { tone: 'good', text: 'Imported. Every cache hears of each changed product.' };
}

function Changes({ changes }: { changes: NonNullable<ImportResult['changes']> }) {
  const fields = Object.entries(changes.fields) as [FieldName, number][];
  return (
    <section className="panel" aria-labelledby="import-changes">
      <header>
        <h2 id="import-changes">What would change</h2>
        <span className="fine">
          {fields.map(([field, products]) => `${fieldNames[field]} of ${count(products)}`).join(', ')}
        </span>
      </header>
      <Scroll label="Changed products" className="preview">
        <table className="stacked">
          <tbody>
            {changes.rows.map(({ line, sku, fields }) => (
              <tr key={line}>
                <td className="faint">line {count(line)}</td>
                <th scope="row" className="mono sku">
                  {sku}
                </th>
                <td className="changed-fields">
                  {fields.map(({ field, old, new: written }) => (
                    <span key={field} className="changed-field">
                      {fieldNames[field]} <del>{valueText(field, old)}</del>{' '}
                      <ins>{valueText(field, written)}</ins>{' '}
                    </span>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

function Errors({ chosen, result }: { chosen: ChosenFile; result: ImportResult }) {
  const { file, format, header } = chosen;
  const { errors } = result;
  const byLine = errorsByLine(errors);
  const { data: records } = useQuery({
    queryKey: ['records', file.name, file.lastModified, result.id],
    queryFn: () => recordsOn(textOf(file), format, new Set(byLine.keys())),
    // The file may be gone. Then the errors are shown without their lines.
    retry: false,
  });
  const save = (): void =>
    saveAs(
      `${file.name.replace(/(?:-failed)?\.\w+$/, '')}-failed.csv`,
      failedRows({
        format,
        header: header?.text ?? '',
        separator: header?.separator ?? ',',
        errors,
        records: records ?? new Map(),
      }),
    );
  return (
    <section className="panel" aria-labelledby="import-errors">
      <header>
        <h2 id="import-errors">What is wrong</h2>
        <span className="fine">
          {byLine.size < result.failed ? `the first ${count(byLine.size)} of ${count(result.failed)}` : ''}
        </span>
        <div className="actions">
          <button type="button" disabled={records === undefined} onClick={save}>
            Save these rows with their reasons
          </button>
        </div>
      </header>
      <Scroll label="Errors by line" className="preview">
        <table className="stacked">
          <tbody>
            {[...byLine].map(([line, wrong]) => (
              <tr key={line}>
                <th scope="row">line {count(line)}</th>
                <td className="bad-text reason">{reasonOf(wrong)}</td>
                <td className="wide mono faint" title={records?.get(line)}>
                  {records?.get(line)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
