import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { PageHead } from '../../elements/states.tsx';
import { say } from '../../elements/say.ts';
import { useSaveKey } from '../../elements/use-save-key.ts';
import { ApiError, callApi, fieldProblems, textOf } from '../../http/api.ts';
import type { Product } from '../../products/product.ts';
import { emptyDraft, type Draft } from './draft.ts';
import { parseDraft, type Problems } from './parse-draft.ts';
import { ProductForm } from './product-form.tsx';
import { useUnsavedWarning } from './unsaved.ts';

export function NewProduct() {
  const navigate = useNavigate();
  const [draft, setDraft] = useState<Draft>(emptyDraft);
  const [isTried, setTried] = useState(false);
  // The same key for each try: a repeated answer creates the product once.
  const [key] = useState(() => crypto.randomUUID());
  const { values, problems } = parseDraft(draft);
  const create = useMutation({
    mutationFn: async () =>
      (
        await callApi<Product>('/api/products', {
          method: 'POST',
          json: values,
          headers: { 'Idempotency-Key': key },
        })
      ).body,
    onSuccess(product) {
      say(`Created ${product.sku}`);
      void navigate({ to: '/products/$id', params: { id: product.id }, ignoreBlocker: true });
    },
  });
  const form = useRef<HTMLFormElement>(null);
  useSaveKey(form);
  useUnsavedWarning(draft !== emptyDraft && !create.isSuccess);
  return (
    <form
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (Object.keys(problems).length === 0) create.mutate();
        else focusWrong(event.currentTarget);
      }}
    >
      <PageHead title="New product">
        <button type="submit" className="primary" disabled={create.isPending}>
          Create
        </button>
      </PageHead>
      {create.isError && (
        <p className="refused" role="alert">
          Not created: {textOf(create.error)}
        </p>
      )}
      <section className="panel form-panel">
        <div className="panel-body">
          <ProductForm
            draft={draft}
            problems={{ ...(isTried ? problems : {}), ...problemsOf(create.error) }}
            edited={[]}
            isReadOnly={false}
            change={(next) => {
              setDraft(next);
              if (create.isError) create.reset();
            }}
          />
        </div>
      </section>
    </form>
  );
}

/** The first wrong field may be out of sight. React marks it before the next frame. */
function focusWrong(form: HTMLFormElement): void {
  requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
}

/** What a service says about single fields. */
export function problemsOf(error: unknown): Problems {
  if (error instanceof ApiError && error.code === 'sku_taken') return { sku: 'belongs to another product' };
  return fieldProblems(error);
}
