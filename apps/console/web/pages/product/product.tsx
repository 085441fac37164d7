import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useRef } from 'react';
import { NotLive } from '../../elements/not-live.tsx';
import { RoleLost } from '../../elements/role-lost.tsx';
import { Empty, Failed, Loading, PageHead } from '../../elements/states.tsx';
import { say } from '../../elements/say.ts';
import { useSaveKey } from '../../elements/use-save-key.ts';
import { Ago, count, Id } from '../../elements/values.tsx';
import { ApiError, textOf } from '../../http/api.ts';
import { meQuery, useMay } from '../../http/me.ts';
import { withCommand } from '../../shell/command-key.ts';
import { ConflictDialog } from './conflict-dialog.tsx';
import { DeleteButton } from './delete-button.tsx';
import { History } from './history.tsx';
import { problemsOf } from './new-product.tsx';
import { ProductForm } from './product-form.tsx';
import { Stock } from './stock.tsx';
import { TheirChange } from './their-change.tsx';
import { ThisChange } from './this-change.tsx';
import { useUnsavedWarning } from './unsaved.ts';
import { useEditing } from './use-editing.ts';
import { useProductEdit } from './use-product-edit.ts';
import { Views } from './views.tsx';

export function ProductPage() {
  const { id } = useParams({ from: '/products/$id' });
  const mayEdit = useMay('editor');
  const { data: me } = useQuery(meQuery);
  const state = useProductEdit(id);
  const { edit, edited, problems, saving } = state;
  const isUnsaved = edited.length > 0;
  const other = useEditing(id, mayEdit && isUnsaved, me?.username);
  useUnsavedWarning(isUnsaved);

  const save = async (): Promise<void> => {
    if (await state.save()) say('Saved');
  };
  const form = useRef<HTMLFormElement>(null);
  useSaveKey(form);

  if (edit === undefined) {
    if (state.error === undefined) return <Loading rows={12} />;
    if (state.error instanceof ApiError && state.error.status === 404)
      return (
        <>
          <PageHead title="No such product" />
          <div className="stack">
            <section className="panel">
              <Empty title="This product does not exist, or was deleted.">
                <p>
                  <Link to="/products">To all products</Link>
                </p>
              </Empty>
            </section>
            <History id={id} product={undefined} />
          </div>
        </>
      );
    return <Failed error={state.error} again={() => void state.load()} />;
  }
  const { product } = edit.base;
  const hasProblems = Object.keys(problems).length > 0;
  return (
    <>
      <form
        ref={form}
        onSubmit={(event) => {
          event.preventDefault();
          if (!hasProblems) void save();
        }}
      >
        <PageHead
          title={product.name}
          note={
            <>
              <span className="mono">{product.sku}</span> · version {count(product.version)} · changed{' '}
              <Ago at={product.updatedAt} /> · <Id value={product.id} />
              <Views id={product.id} />
            </>
          }
        >
          {mayEdit && (
            <>
              <DeleteButton product={product} isUnsaved={isUnsaved} />
              <button type="button" disabled={!isUnsaved} onClick={state.reset}>
                Discard
              </button>
              <button
                type="submit"
                className="primary"
                disabled={!isUnsaved || saving || hasProblems || edit.theirs !== undefined}
                title={withCommand('S')}
              >
                {saving ? 'Saving…' : 'Save'}
              </button>
            </>
          )}
        </PageHead>
        <NotLive />
        {!mayEdit && isUnsaved && <RoleLost discard={state.reset} />}
        {other !== undefined && (
          <p className="banner warn" role="status">
            <span className="dot warn" /> Being edited by {other}. You can save too: what you both change is
            compared first.
          </p>
        )}
        {edit.theirs !== undefined && (
          <TheirChange
            base={product}
            theirs={edit.theirs}
            edited={edited}
            take={state.take}
            keep={state.keep}
          />
        )}
        {state.saveError !== undefined && (
          <p className="refused" role="alert">
            Not saved: {textOf(state.saveError)}
          </p>
        )}
        <div className="product-page">
          <section className="panel" aria-label="Fields">
            <div className="panel-body">
              <ProductForm
                draft={edit.draft}
                problems={{ ...problems, ...problemsOf(state.saveError) }}
                edited={edited}
                isReadOnly={!mayEdit}
                change={state.change}
              />
            </div>
          </section>
          <div className="stack">
            <ThisChange at={`/api/products/${id}`} cacheKey={`product:${id}`} version={state.followed} />
            <Stock sku={product.sku} mayEdit={mayEdit} />
            <History
              id={id}
              product={product}
              {...(mayEdit && !isUnsaved && { restore: (draft) => state.change(draft) })}
            />
          </div>
        </div>
      </form>
      {/* Beside the form: its own submit must not submit the product. */}
      <ConflictDialog
        conflict={state.conflict}
        close={state.closeConflict}
        save={(merged, theirs) => {
          void state.saveMerged(merged, theirs).then((saved) => saved && say('Saved the merged product'));
        }}
      />
    </>
  );
}
