import type { ImportResult } from '@catalog/contracts';
import { useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { textOf as problemText } from '../../http/api.ts';
import { count } from '../../elements/values.tsx';
import { ColumnTable } from './column-table.tsx';
import { columnsParameter, initialMap, mapProblem, rememberMap, type ColumnMap } from './columns.ts';
import { useUnsavedWarning } from '../product/unsaved.ts';
import { ImportProgress } from './import-progress.tsx';
import { ImportReport } from './import-report.tsx';
import { ImportRules } from './import-rules.tsx';
import type { ChosenFile } from './chosen-file.ts';
import { runImport, type ImportOptions } from './run-import.ts';

type Stage =
  | { readonly at: 'form' }
  | {
      readonly at: 'running';
      readonly dryRun: boolean;
      readonly began_ms: number;
      readonly known: ImportResult | undefined;
      readonly total: number | undefined;
    }
  | { readonly at: 'ended'; readonly result: ImportResult; readonly took_ms: number }
  | { readonly at: 'refused'; readonly why: string };

/** Check first, then import. A change of the options asks for another check. */
export function ImportForm({ chosen }: { chosen: ChosenFile }) {
  const { file, format, header } = chosen;
  const columns = header?.columns ?? [];
  const queries = useQueryClient();
  const [map, setMap] = useState<ColumnMap>(() => initialMap(columns, localStorage));
  const [options, setOptions] = useState<ImportOptions>({
    mode: 'reject-all',
    onExisting: 'update',
    onMissing: 'create',
  });
  const [stage, setStage] = useState<Stage>({ at: 'form' });
  const running = useRef<AbortController>(undefined);
  const problem = header === undefined ? undefined : mapProblem(columns, map);

  const run = async (dryRun: boolean, total?: number): Promise<void> => {
    if (header !== undefined) rememberMap(columns, map, localStorage);
    const began_ms = performance.now();
    const stop = (running.current = new AbortController());
    setStage({ at: 'running', dryRun, began_ms, known: undefined, total });
    try {
      const result = await runImport({
        ...options,
        file,
        format,
        separator:
          header === undefined || header.namesSeparator || header.separator === ','
            ? undefined
            : header.separator,
        columns: header === undefined ? undefined : columnsParameter(columns, map),
        dryRun,
        signal: stop.signal,
        onProgress: (known) =>
          setStage((stage) =>
            stage.at === 'running' && stage.began_ms === began_ms ? { ...stage, known } : stage,
          ),
      });
      setStage({ at: 'ended', result, took_ms: performance.now() - began_ms });
      if (!dryRun) void queries.invalidateQueries({ queryKey: ['products'] });
    } catch (error) {
      setStage({ at: 'refused', why: problemText(error) });
    }
  };
  const change = (apply: () => void): void => {
    apply();
    setStage({ at: 'form' });
  };
  const isRunning = stage.at === 'running';
  useUnsavedWarning(isRunning && !stage.dryRun, 'The import goes on, but nobody sees how it ends.');
  const checked = stage.at === 'ended' && stage.result.dryRun ? stage.result : undefined;
  const writes = checked === undefined ? 0 : checked.created + checked.updated;
  return (
    <>
      <section className="panel" aria-label="Columns and rules">
        <header>
          <h2>{file.name}</h2>
          <span className="fine">{sizeText(file.size)}</span>
        </header>
        <fieldset className="product-form" disabled={isRunning}>
          {header !== undefined && (
            <ColumnTable header={header} map={map} choose={(map) => change(() => setMap(map))} />
          )}
          <div className="panel-body stack">
            <ImportRules options={options} choose={(options) => change(() => setOptions(options))} />
            <div className="row">
              <button
                type="button"
                className={checked === undefined ? 'primary' : ''}
                disabled={problem !== undefined}
                onClick={() => void run(true)}
              >
                Check without changing anything
              </button>
              {checked?.state === 'succeeded' && writes > 0 && (
                <button
                  type="button"
                  className="primary"
                  onClick={() => void run(false, checked.received)}
                >{`Import: create ${count(checked.created)}, change ${count(checked.updated)}`}</button>
              )}
              {problem !== undefined && <span className="warn-text">{problem}</span>}
            </div>
          </div>
        </fieldset>
      </section>
      {stage.at === 'running' && (
        <ImportProgress
          known={stage.known}
          total={stage.total}
          isDryRun={stage.dryRun}
          began_ms={stage.began_ms}
          cancel={() => running.current?.abort()}
        />
      )}
      {stage.at === 'refused' && (
        <p className="banner bad" role="alert">
          {stage.why}
        </p>
      )}
      {stage.at === 'ended' && <ImportReport chosen={chosen} result={stage.result} took_ms={stage.took_ms} />}
    </>
  );
}

function sizeText(bytes: number): string {
  if (bytes < 1_024) return `${bytes} bytes`;
  if (bytes < 1_048_576) return `${(bytes / 1_024).toFixed(1)} kB`;
  return `${(bytes / 1_048_576).toFixed(1)} MB`;
}
