/** Values as people read them. The exact value is in the title, which shows on hover. */
import { useEffect, useState } from 'react';

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const steps = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

function timeAgo(at: string, now_ms = Date.now()): string {
  const age_s = Math.round((now_ms - Date.parse(at)) / 1_000);
  if (Math.abs(age_s) < 5) return 'now';
  for (const [unit, length_s] of steps)
    if (Math.abs(age_s) >= length_s) return relative.format(-Math.round(age_s / length_s), unit);
  return relative.format(-age_s, 'second');
}

/** The exact moment, in the time zone of this browser. */
export const exactTime = (at: string): string =>
  new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export function Ago({ at }: { at: string }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 10_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <time dateTime={at} title={exactTime(at)}>
      {timeAgo(at)}
    </time>
  );
}

export const count = (value: number): string => value.toLocaleString('en');
