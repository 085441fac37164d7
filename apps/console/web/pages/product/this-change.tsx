import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useMay } from '../../http/me.ts';
import type { Trace } from '../keys/traces.ts';
import { HolderTable } from '../keys/holder-table.tsx';
import { awaitedRows, rowsOfReaders, type ReaderView } from '../keys/readers.ts';
import { Waterfall, type Step } from '../../elements/waterfall.tsx';

/** What the server says about a followed change. All times are those of the clock of Postgres. */
interface Followed {
  readonly version: number;
  readonly sentAtMs: number;
  readonly savedAtMs: number;
  readonly trace: Trace | null;
  readonly readers: readonly { readonly instance: string; readonly freshAtMs: number | null }[];
  readonly views: readonly ReaderView[];
  readonly isDone: boolean;
  readonly problem: string | null;
}

/** Follows the last save of this page into every cache. `at` is the address in the console of the saved product or settings. */
export function ThisChange({
  at,
  cacheKey,
  version,
}: {
  at: string;
  cacheKey: string;
  version: number | undefined;
}) {
  const mayEdit = useMay('editor');
  const followed = useFollowed(at, version);
  return (
    <section className="panel" aria-labelledby="this-change">
      <header>
        <h2 id="this-change">Follow the change</h2>
        {version !== undefined && (
          <span className={`pill ${followed?.isDone === true ? '' : 'accent'}`}>
            {followed?.isDone === true ? 'complete' : 'live'}
          </span>
        )}
        <div className="actions">
          <Link to="/keys" search={{ key: cacheKey }}>
            Why is this key so?
          </Link>
        </div>
      </header>
      {version === undefined ? (
        <div className="empty">
          <p>
            {mayEdit
              ? 'Save a change, and watch it reach every cache.'
              : 'Those who save a change here watch it reach every cache. The link shows what each of them holds now.'}
          </p>
        </div>
      ) : (
        <div className="panel-body stack">
          <Waterfall steps={stepsOf(followed)} />
          {followed !== undefined && followed.problem !== null && (
            <p className="warn-text">Not everything is known: {followed.problem}</p>
          )}
          <HolderTable rows={rowsOf(followed)} version={version} />
        </div>
      )}
    </section>
  );
}

/** The readers are known before what they hold. */
function rowsOf(followed: Followed | undefined) {
  const { views = [], readers = [] } = followed ?? {};
  return views.length === 0 ? awaitedRows(readers.length) : rowsOfReaders(views);
}

function useFollowed(at: string, version: number | undefined): Followed | undefined {
  const [followed, setFollowed] = useState<Followed>();
  useEffect(() => {
    setFollowed(undefined);
    if (version === undefined) return undefined;
    const source = new EventSource(`${at}/follow/${version}`);
    source.addEventListener('followed', ({ data }: MessageEvent<string>) => {
      const state = JSON.parse(data) as Followed;
      setFollowed(state);
      if (state.isDone) source.close();
    });
    return () => source.close();
  }, [at, version]);
  return followed;
}

const moment = (time: string | null | undefined): number | null =>
  time === null || time === undefined ? null : Date.parse(time);

function stepsOf(followed: Followed | undefined): Step[] {
  const trace = followed?.trace ?? null;
  const commit = moment(trace?.committedAt) ?? followed?.savedAtMs ?? null;
  const isDone = followed?.isDone === true;
  const wait = (missing: string): string => (isDone ? missing : 'waiting');
  return [
    { name: 'commit', at_ms: commit, none: wait('unknown') },
    { name: 'doorbell', at_ms: moment(trace?.rungAt), none: wait('not needed: the relay was awake') },
    { name: 'claimed', at_ms: moment(trace?.claimedAt), none: wait('not yet') },
    { name: 'queued', at_ms: moment(trace?.queuedAt), none: wait('not yet') },
    { name: 'applied', at_ms: moment(trace?.appliedAt), none: wait('not yet') },
    { name: 'refreshed', at_ms: moment(trace?.refreshedAt), none: wait('not needed: a reader was faster') },
    ...(followed?.readers ?? []).map(({ instance, freshAtMs }, index) => ({
      name: `reader ${index + 1}`,
      title: instance,
      at_ms: freshAtMs,
      none: wait('no fresh answer within 20 s'),
      tone: 'good' as const,
      note: 'fresh',
    })),
  ];
}
