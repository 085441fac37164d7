/** The state of the settings page: what is loaded, what is typed, and a newer version, if somebody else has saved one. */
import type { Settings } from '@catalog/contracts';
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from '../../http/api.ts';
import { useLive } from '../../http/live.ts';
import {
  changedSettings,
  draftOf,
  loadSettings,
  patchOf,
  patchSettings,
  type Draft,
  type LoadedSettings,
  type SettingName,
} from './settings.ts';

interface Edit {
  readonly base: LoadedSettings;
  readonly draft: Draft;
  /** Saved by somebody else, not yet taken or kept. */
  readonly theirs: LoadedSettings | undefined;
}

/** The change was applied when its event arrives, but a reader may hear of it a moment later. */
const hears_ms = 30;

export function useSettingsEdit() {
  const [edit, setEdit] = useState<Edit>();
  const [error, setError] = useState<unknown>();
  const [saving, setSaving] = useState(false);
  const [saveError, setSaveError] = useState<unknown>();
  const [followed, setFollowed] = useState<number>();
  const known = useRef(0);

  const load = useCallback(async (signal?: AbortSignal, atLeast = 0): Promise<void> => {
    try {
      const loaded = await loadSettings(signal, atLeast);
      if (loaded.settings.version <= known.current) return;
      known.current = loaded.settings.version;
      setEdit((now) => receive(now, loaded));
      setError(undefined);
    } catch (thrown) {
      if (signal?.aborted !== true) setError(thrown);
    }
  }, []);

  useEffect(() => {
    const gone = new AbortController();
    void load(gone.signal);
    return () => gone.abort();
  }, [load]);

  useLive('applied', ({ entity, version }) => {
    if (entity !== 'settings' || version === null) return;
    // By then the answer to an own save has come.
    setTimeout(() => {
      if (version > known.current) void load(undefined, version);
    }, hears_ms);
  });

  /** Returns whether it was saved. */
  async function save(): Promise<boolean> {
    if (edit === undefined) return false;
    const { base, draft } = edit;
    setSaving(true);
    setSaveError(undefined);
    try {
      const saved = await patchSettings(patchOf(base.settings, draft), base.etag);
      known.current = Math.max(known.current, saved.settings.version);
      // What the person typed while the save was under way stays.
      setEdit((now) => now && { ...rebase(now, draft, saved), theirs: newerOf(now.theirs, saved) });
      setFollowed(saved.settings.version);
      return true;
    } catch (thrown) {
      setSaveError(thrown);
      // 412 says that Postgres has a newer version than ours.
      if (thrown instanceof ApiError && thrown.status === 412)
        await load(undefined, base.settings.version + 1);
      return false;
    } finally {
      setSaving(false);
    }
  }

  /** Fills the form with what another person saved. The settings in `mine` keep what this person has typed. */
  function rebaseOnTheirs(mine: readonly SettingName[]): void {
    setSaveError(undefined);
    setEdit((now) => {
      if (now?.theirs === undefined) return now;
      const draft = withTyped(draftOf(now.theirs.settings), now.draft, mine);
      return { base: now.theirs, draft, theirs: undefined };
    });
  }

  const typed =
    edit === undefined ? [] : (Object.keys(patchOf(edit.base.settings, edit.draft)) as SettingName[]);
  const theirsChanged =
    edit?.theirs === undefined ? [] : changedSettings(edit.base.settings, edit.theirs.settings);
  return {
    edit,
    error,
    saving,
    saveError,
    followed,
    typed,
    theirsChanged,
    load,
    save,
    change: (draft: Draft) => setEdit((now) => now && { ...now, draft }),
    reset: () => setEdit((now) => now && { ...now, draft: draftOf(now.base.settings) }),
    take: () => rebaseOnTheirs(typed.filter((name) => !theirsChanged.includes(name))),
    keep: () => rebaseOnTheirs(typed),
  };
}

/** Without typed changes the form shows the newer version. Otherwise the page offers it. */
function receive(now: Edit | undefined, loaded: LoadedSettings): Edit {
  if (now === undefined || Object.keys(patchOf(now.base.settings, now.draft)).length === 0)
    return { base: loaded, draft: draftOf(loaded.settings), theirs: undefined };
  return { ...now, theirs: loaded };
}

/** After a save: fields that still read as they were sent become those that are saved. */
function rebase(now: Edit, sent: Draft, saved: LoadedSettings): Edit {
  const typed = (Object.keys(sent) as SettingName[]).filter((name) => now.draft[name] !== sent[name]);
  return { ...now, base: saved, draft: withTyped(draftOf(saved.settings), now.draft, typed) };
}

const newerOf = (theirs: LoadedSettings | undefined, { settings }: { settings: Settings }) =>
  theirs !== undefined && theirs.settings.version > settings.version ? theirs : undefined;

const withTyped = (draft: Draft, typed: Draft, names: readonly SettingName[]): Draft => ({
  ...draft,
  ...Object.fromEntries(names.map((name) => [name, typed[name]])),
});
