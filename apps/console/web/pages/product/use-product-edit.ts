/** The state of the product page: the loaded product, the unsaved edits, and a newer version if somebody has saved one. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from '../../http/api.ts';
import { productIdIn, useLive } from '../../http/live.ts';
import { changedFields, patchOf, sameValue, type FieldName } from '../../products/fields.ts';
import { loadProduct, patchProduct, type TaggedProduct, type Product } from '../../products/product.ts';
import { draftOf, takeFields, type Draft } from './draft.ts';
import { editedFields, parseDraft, withValues } from './parse-draft.ts';

interface Edit {
  /** The last version that mine and theirs have in common. */
  readonly base: TaggedProduct;
  readonly draft: Draft;
  /** Saved by somebody else, not yet taken or kept. */
  readonly theirs: TaggedProduct | 'deleted' | undefined;
}

export interface Conflict {
  readonly base: Product;
  readonly mine: Product;
  readonly theirs: TaggedProduct;
}

/** The change was applied when its event arrives, but a reader may hear of it a moment later. */
const hears_ms = 30;

export function useProductEdit(id: string) {
  const [edit, setEdit] = useState<Edit>();
  const [error, setError] = useState<unknown>();
  const [saving, setSaving] = useState(false);
  const [saveError, setSaveError] = useState<unknown>();
  const [conflict, setConflict] = useState<Conflict>();
  const [followed, setFollowed] = useState<number>();
  const known = useRef(0);

  const load = useCallback(
    async (signal?: AbortSignal): Promise<void> => {
      try {
        const loaded = await loadProduct(id, signal, known.current > 0 ? known.current : undefined);
        known.current = loaded.product.version;
        setEdit({ base: loaded, draft: draftOf(loaded.product), theirs: undefined });
        setError(undefined);
      } catch (thrown) {
        if (signal?.aborted !== true) setError(thrown);
      }
    },
    [id],
  );

  useEffect(() => {
    // Never shows what an earlier visit left: a save would put it back.
    setEdit(undefined);
    setFollowed(undefined);
    known.current = 0;
    const gone = new AbortController();
    void load(gone.signal);
    return () => gone.abort();
  }, [load]);

  useLive('applied', ({ entity, key, version }) => {
    if (entity !== 'product' || productIdIn(key) !== id) return;
    if (version === null || version <= known.current) return;
    setTimeout(() => void lookAtTheirs(version), hears_ms);
  });

  async function lookAtTheirs(atLeast: number): Promise<void> {
    if (atLeast <= known.current) return;
    let theirs: TaggedProduct | 'deleted';
    try {
      theirs = await loadProduct(id, undefined, atLeast);
      if (theirs.product.version <= known.current) return;
      known.current = theirs.product.version;
    } catch (thrown) {
      if (!(thrown instanceof ApiError) || thrown.status !== 404) return;
      theirs = 'deleted';
    }
    setEdit((now) => now && receive(now, theirs));
  }

  const values = edit === undefined ? undefined : parseDraft(edit.draft);
  const edited =
    edit === undefined || values === undefined ? [] : editedFields(edit.base.product, values.values);

  async function save(): Promise<boolean> {
    if (edit === undefined || values === undefined || edited.length === 0) return false;
    const { base } = edit;
    const mine = withValues(base.product, values.values);
    return send(patchOf(base.product, mine, edited), base.etag, mine);
  }

  /** Saves what the person chose in the dialog, on top of theirs. */
  async function saveMerged(merged: Product, theirs: TaggedProduct): Promise<boolean> {
    const fields = changedFields(theirs.product, merged);
    setConflict(undefined);
    setEdit({ base: theirs, draft: draftOf(merged), theirs: undefined });
    if (fields.length === 0) return true;
    return send(patchOf(theirs.product, merged, fields), theirs.etag, merged, theirs);
  }

  async function send(
    patch: Record<string, unknown>,
    etag: string,
    mine: Product,
    on: TaggedProduct | undefined = edit?.base,
  ): Promise<boolean> {
    setSaving(true);
    setSaveError(undefined);
    try {
      const saved = await patchProduct(id, patch, etag, { follow: true });
      known.current = Math.max(known.current, saved.product.version);
      // What the person typed while the save was under way stays.
      setEdit((now) => now && rebase(now, mine, saved));
      setFollowed(saved.product.version);
      return true;
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.status === 412 && on !== undefined) {
        try {
          // 412 says that Postgres has a newer version than `on`.
          const theirs = await loadProduct(id, undefined, on.product.version + 1);
          known.current = theirs.product.version;
          setConflict({ base: on.product, mine, theirs });
        } catch (again) {
          setSaveError(again);
        }
      } else setSaveError(thrown);
      return false;
    } finally {
      setSaving(false);
    }
  }

  return {
    edit,
    error,
    load,
    problems: values?.problems ?? {},
    edited,
    saving,
    saveError,
    conflict,
    followed,
    change: (draft: Draft) => setEdit((now) => now && { ...now, draft }),
    reset: () => setEdit((now) => now && { ...now, draft: draftOf(now.base.product) }),
    /** Takes their values, also where the person typed. */
    take: () => setEdit((now) => now && resolve(now, 'take')),
    /** Keeps what the person typed. All other fields become theirs. */
    keep: () => setEdit((now) => now && resolve(now, 'keep')),
    closeConflict: () => setConflict(undefined),
    save,
    saveMerged,
  };
}

/** Without typed changes the form shows the newer version. Otherwise the page offers it. */
function receive(now: Edit, theirs: Edit['theirs']): Edit {
  if (theirs === undefined || theirs === 'deleted') return { ...now, theirs };
  if (theirs.product.version <= now.base.product.version) return now;
  if (editedFields(now.base.product, parseDraft(now.draft).values).length > 0) return { ...now, theirs };
  return { base: theirs, draft: draftOf(theirs.product), theirs: undefined };
}

function resolve(now: Edit, how: 'take' | 'keep'): Edit {
  const { base, draft, theirs } = now;
  if (theirs === undefined || theirs === 'deleted') return now;
  const edited = editedFields(base.product, parseDraft(draft).values);
  const changed = changedFields(base.product, theirs.product);
  const taken = how === 'take' ? changed : changed.filter((field) => !edited.includes(field));
  return { base: theirs, draft: takeFields(draft, theirs.product, taken), theirs: undefined };
}

/** After a save: fields that still read as they were sent become those of the saved product. */
function rebase(now: Edit, sent: Product, saved: TaggedProduct): Edit {
  const { values } = parseDraft(now.draft);
  const untouched = changedOrSame(values, sent);
  const newer = typeof now.theirs === 'object' && now.theirs.product.version > saved.product.version;
  return {
    base: saved,
    draft: takeFields(now.draft, saved.product, untouched),
    theirs: newer ? now.theirs : undefined,
  };
}

const changedOrSame = (values: Readonly<Record<FieldName, unknown>>, sent: Product): FieldName[] =>
  (Object.keys(values) as FieldName[]).filter((field) => sameValue(values[field], sent[field]));
