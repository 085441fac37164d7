import { useState } from 'react';
import { PageHead } from '../../elements/states.tsx';
import { useMay } from '../../http/me.ts';
import { ChooseFile } from './choose-file.tsx';
import { saveAs, template } from './failed-rows.ts';
import { ImportForm } from './import-form.tsx';
import { openFile, type ChosenFile } from './chosen-file.ts';

/** A file of products: chosen, mapped, checked, and only then applied. */
export function ImportPage() {
  const mayEdit = useMay('editor');
  const [chosen, setChosen] = useState<ChosenFile>();
  const [refused, setRefused] = useState<string>();
  const choose = async (file: File): Promise<void> => {
    setChosen(undefined);
    const found = await openFile(file).catch(() => 'It cannot be read. Is it still there?');
    setRefused(typeof found === 'string' ? `${file.name}: ${found}` : undefined);
    if (typeof found !== 'string') setChosen(found);
  };
  return (
    <>
      <PageHead title="Import" note="CSV or NDJSON, matched by SKU">
        <button type="button" onClick={() => saveAs('products-template.csv', template)}>
          Template
        </button>
        <a className="button" href="/api/products/export?format=csv" download>
          Export all active products
        </a>
      </PageHead>
      {mayEdit ? (
        <div className="stack">
          <ChooseFile choose={(file) => void choose(file)} refused={refused} />
          {chosen !== undefined && (
            <ImportForm key={`${chosen.file.name} ${chosen.file.lastModified}`} chosen={chosen} />
          )}
        </div>
      ) : (
        <p className="banner">An editor or an admin can import files.</p>
      )}
    </>
  );
}
