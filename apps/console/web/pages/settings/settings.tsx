import { SETTINGS, SETTINGS_KEY } from '@catalog/contracts';
import { useRef } from 'react';
import { ChangedMeanwhile } from '../../elements/changed-meanwhile.tsx';
import { NotLive } from '../../elements/not-live.tsx';
import { RoleLost } from '../../elements/role-lost.tsx';
import { Failed, Loading, PageHead } from '../../elements/states.tsx';
import { say } from '../../elements/say.ts';
import { useSaveKey } from '../../elements/use-save-key.ts';
import { Ago, count } from '../../elements/values.tsx';
import { fieldProblems, textOf } from '../../http/api.ts';
import { useMay } from '../../http/me.ts';
import { ThisChange } from '../product/this-change.tsx';
import { useUnsavedWarning } from '../product/unsaved.ts';
import { problemsOf, settingNames, settingText } from './settings.ts';
import { SettingsForm } from './settings-form.tsx';
import { useSettingsEdit } from './use-settings-edit.ts';

/** The settings of the store. Every service reads them from the caches, so a save is followed into each of them. */
export function SettingsPage() {
  const mayEdit = useMay('admin');
  const state = useSettingsEdit();
  const { edit, typed, saving, saveError } = state;
  const isUnsaved = typed.length > 0;
  useUnsavedWarning(isUnsaved);
  const form = useRef<HTMLFormElement>(null);
  useSaveKey(form);
  if (edit === undefined)
    return state.error === undefined ? (
      <Loading rows={6} />
    ) : (
      <Failed error={state.error} again={() => void state.load()} />
    );
  const { settings } = edit.base;
  const problems = problemsOf(edit.draft);
  const hasProblems = Object.keys(problems).length > 0;
  return (
    <form
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        if (!hasProblems && edit.theirs === undefined)
          void state.save().then((saved) => saved && say('Saved'));
      }}
    >
      <PageHead
        title="Settings"
        note={
          <>
            version {count(settings.version)} · changed <Ago at={settings.updatedAt} />
          </>
        }
      >
        {mayEdit && (
          <>
            <button type="button" disabled={!isUnsaved} onClick={state.reset}>
              Discard
            </button>
            <button
              type="submit"
              className="primary"
              disabled={!isUnsaved || saving || hasProblems || edit.theirs !== undefined}
            >
              {saving ? 'Saving…' : 'Save'}
            </button>
          </>
        )}
      </PageHead>
      <NotLive />
      {!mayEdit && !isUnsaved && <p className="banner">Only an admin can change the settings.</p>}
      {!mayEdit && isUnsaved && <RoleLost discard={state.reset} />}
      {edit.theirs !== undefined && <Theirs state={state} />}
      {saveError !== undefined && edit.theirs === undefined && (
        <p className="refused" role="alert">
          Not saved: {textOf(saveError)}
        </p>
      )}
      <div className="product-page">
        <section className="panel" aria-label="Settings of the store">
          <div className="panel-body">
            <SettingsForm
              draft={edit.draft}
              problems={{ ...problems, ...fieldProblems(saveError) }}
              typed={typed}
              isReadOnly={!mayEdit}
              change={state.change}
            />
          </div>
        </section>
        {mayEdit && (
          <ThisChange
            at="/api/settings"
            cacheKey={SETTINGS.cacheKey(SETTINGS_KEY)}
            version={state.followed}
          />
        )}
      </div>
    </form>
  );
}

/** Somebody else has saved while this person types, or before the save arrived. Nothing is overwritten. */
function Theirs({ state }: { state: ReturnType<typeof useSettingsEdit> }) {
  const { edit, typed, theirsChanged, saveError, take, keep } = state;
  if (edit?.theirs === undefined) return null;
  const { settings } = edit.theirs;
  const both = theirsChanged.filter((name) => typed.includes(name));
  const changes = theirsChanged
    .map((name) => `${settingNames[name].toLowerCase()} to ${settingText(name, settings)}`)
    .join(', ');
  return (
    <ChangedMeanwhile both={both.map((name) => settingNames[name].toLowerCase())} take={take} keep={keep}>
      {saveError !== undefined && 'Not saved. '}Somebody else changed{' '}
      {changes || 'nothing that is shown here'}.
    </ChangedMeanwhile>
  );
}
