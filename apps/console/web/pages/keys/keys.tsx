import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { Field } from '../../elements/field.tsx';
import { Empty, PageHead } from '../../elements/states.tsx';
import { useMay } from '../../http/me.ts';
import { Audit } from './audit.tsx';
import { KeyView } from './key-view.tsx';
import { PurgeDialog, type PurgeTarget } from './purge.tsx';

const entities = ['product', 'sku', 'settings', 'sales_month', 'user_profile'] as const;

/** Any key of the cache, with what happened to it; purges and audits. */
export function Keys() {
  const { key = '' } = useSearch({ from: '/keys' });
  const navigate = useNavigate();
  const isAdmin = useMay('admin');
  const [text, setText] = useState(key);
  const [target, setTarget] = useState<PurgeTarget>();
  const [entity, setEntity] = useState<string>(entities[0]);
  return (
    <>
      <PageHead title="Why is this key so?">
        {isAdmin && key !== '' && (
          <button type="button" className="danger" onClick={() => setTarget({ key })}>
            Purge this key…
          </button>
        )}
      </PageHead>
      <div className="stack">
        <form
          className="key-form"
          onSubmit={(event) => {
            event.preventDefault();
            void navigate({ to: '/keys', search: text.trim() === '' ? {} : { key: text.trim() } });
          }}
        >
          <Field
            label="Key"
            hint="product:<id>, sku:<sku>, app:settings, report:sales:<month>, user:<id>:profile"
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
        {key === '' ? (
          <Empty title="No key is chosen.">
            <p>
              Type the key of a cached entry. This page shows its changes, and what Postgres, Redis and the
              near caches hold.
            </p>
          </Empty>
        ) : (
          <KeyView key={key} cacheKey={key} />
        )}
        {isAdmin && (
          <section className="panel" aria-labelledby="many">
            <header>
              <h2 id="many">Many keys</h2>
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
              <button type="button" className="danger" onClick={() => setTarget({ entity })}>
                Purge this entity…
              </button>
              <button type="button" className="danger" onClick={() => setTarget({ all: true })}>
                Purge everything…
              </button>
              <Audit />
            </div>
          </section>
        )}
      </div>
      <PurgeDialog target={target} close={() => setTarget(undefined)} />
    </>
  );
}
