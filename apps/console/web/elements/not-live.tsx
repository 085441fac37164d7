import { useEffect, useState } from 'react';
import { useLiveState } from '../http/live.ts';
import { exactTime } from './values.tsx';

/** A stream that comes back within this time is not worth a word. */
const patience_ms = 3_000;

/** Says since when changes of other people do not appear. Nothing while they do. */
export function NotLive() {
  const { isLive, since } = useLiveState();
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    setLong(false);
    if (isLive) return undefined;
    const timer = setTimeout(() => setLong(true), patience_ms);
    return () => clearTimeout(timer);
  }, [isLive]);
  if (isLive || !isLong) return null;
  return (
    <p className="banner warn" role="status">
      <span className="dot warn" /> Changes of other people do not appear here
      {since !== undefined && ` since ${exactTime(since)}`}. A save is still compared with them.
    </p>
  );
}
