import { parseCacheKey } from '@catalog/contracts';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { Field } from '../../elements/field.tsx';
import { Empty, PageHead } from '../../elements/states.tsx';
import { useMay } from '../../http/me.ts';
import { JobKeys } from './job-keys.tsx';
import { KeyAudits } from './key-audits.tsx';
import { KeyView } from './key-view.tsx';
import { wrongEntriesQuery } from './wrong-entries.ts';
import { PurgeDialog, type PurgeTarget } from './purge.tsx';

const entities = ['product', 'sku', 'settings', 'sales_month', 'user_profile'] as const;

/** Any key of the cache, with what happened to it; purges and audits. */
export function Keys() {
  const { key = '', job } = useSearch({ from: '/keys' });
  const isAdmin = useMay('admin');
  const [target, setTarget] = useState<PurgeTarget>();
  const isKey = parseCacheKey(key) !== undefined;
  const audits = useQuery({ ...wrongEntriesQuery(), enabled: key === '' });
  return (
    <>
      <PageHead title="Why is this key so?">
        {isAdmin && isKey && (
          <button type="button" className="danger" onClick={() => setTarget({ key })}>
            Purge this key…
          </button>
        )}
      </PageHead>
      <div className="stack">
        <ChooseKey key={`choice of ${key}`} present={key} />
        {isKey ? (
          <KeyView key={key} cacheKey={key} />
        ) : key !== '' ? (
          <section className="panel" aria-label="No key">
            <Empty title="No cache holds such a key.">
              <p>
                A key is one of the forms above, such as <code>app:settings</code> or{' '}
                <code>sku:NODON-SIN-4-2-20</code>.
              </p>
            </Empty>
          </section>
        ) : (
          <>
            {job !== undefined && <JobKeys job={job} />}
            <KeyAudits />
            {/* The list above it must not move it. */}
            {isAdmin && !audits.isPending && <ManyKeys purge={setTarget} />}
          </>
        )}
      </div>
      <PurgeDialog target={target} close={() => setTarget(undefined)} />
    </>
  );
}

function ChooseKey({ present }: { present: string }) {
  const navigate = useNavigate();
  const [text, setText] = useState(present);
  return (
    <form
      className="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        void navigate({ to: '/keys', search: text.trim() === '' ? {} : { key: text.trim() } });
      }}
    >
      <Field
        label="Key"
        hint="product:<id>, sku:<sku>, app:settings, report:sales:<month>, user:<id>:profile. This page shows what Postgres, Redis and the near caches hold of it, and why."
      >
        {(props) => (
          <input
            {...props}
            className="mono"
            spellCheck={false}
            maxLength={512}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
      <button type="submit" className="primary">
        Show
      </button>
    </form>
  );
}

function ManyKeys({ purge }: { purge: (target: PurgeTarget) => void }) {
  const [entity, setEntity] = useState<string>(entities[0]);
  return (
    <section className="panel" aria-labelledby="many">
      <header>
        <h2 id="many">Purge many keys</h2>
        <span className="fine">Postgres then answers each of them once more</span>
      </header>
      <div className="panel-body row">
        <select
          aria-label="Entity"
          className="narrow"
          value={entity}
          onChange={(event) => setEntity(event.target.value)}
        >
          {entities.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <button type="button" className="danger" onClick={() => purge({ entity })}>
          Purge this entity…
        </button>
        <button type="button" className="danger" onClick={() => purge({ all: true })}>
          Purge everything…
        </button>
      </div>
    </section>
  );
}
