/** Values as people read them. The exact value is in the title, which shows on hover. */
import { useEffect, useState } from 'react';

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
/** Each unit with its length, and the age from which it is used. */
const steps = [
  ['month', 2_629_800, 5_184_000],
  ['day', 86_400, 86_400],
  ['hour', 3_600, 3_600],
  ['minute', 60, 60],
  ['second', 1, 0],
] as const;

export function timeAgo(at: string, now_ms = Date.now()): string {
  const age_s = Math.round((now_ms - Date.parse(at)) / 1_000);
  if (Math.abs(age_s) < 5) return 'now';
  const [unit, length_s] = steps.find(([, , from_s]) => Math.abs(age_s) >= from_s) ?? steps[4];
  // "2 min. ago" without the point.
  return relative.format(-Math.round(age_s / length_s), unit).replace('.', '');
}

/** The exact moment, in the time zone of this browser. */
export const exactTime = (at: string): string =>
  new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** A length of time with two or three digits: `4.1 ms`, `248 ms`, `1.3 s`, `55 min`, `6 h`. */
export function durationText(duration_ms: number): string {
  if (duration_ms < 10 && !Number.isInteger(duration_ms)) return `${duration_ms.toFixed(1)} ms`;
  if (duration_ms < 1_000) return `${Math.round(duration_ms)} ms`;
  if (duration_ms < 60_000) return `${(duration_ms / 1_000).toFixed(1)} s`;
  if (duration_ms < 120_000) return `${Math.round(duration_ms / 1_000)} s`;
  if (duration_ms < 7_200_000) return `${Math.round(duration_ms / 60_000)} min`;
  return `${Math.round(duration_ms / 3_600_000)} h`;
}

/** A dash while it is not known. */
export function Duration({ ms }: { ms: number | null | undefined }) {
  if (typeof ms !== 'number') return '–';
  return <span title={`${ms.toLocaleString('en')} ms`}>{durationText(ms)}</span>;
}

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

/** How many digits a currency has after the decimal point: 2 for EUR, 0 for JPY. */
export function currencyDigits(currency: string): number {
  try {
    return (
      new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ??
      2
    );
  } catch {
    return 2;
  }
}

export function moneyText(minor: number, currency: string): string {
  const digits = currencyDigits(currency);
  return `${(minor / 10 ** digits).toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })} ${currency}`;
}

export function Money({ minor, currency }: { minor: number; currency: string }) {
  return <span title={`${minor} minor units of ${currency}`}>{moneyText(minor, currency)}</span>;
}

export function weightText(grams: number | null): string {
  if (grams === null) return '–';
  if (grams < 1_000) return `${grams} g`;
  return `${(grams / 1_000).toLocaleString('en', { maximumFractionDigits: 2 })} kg`;
}

export function Weight({ grams }: { grams: number | null }) {
  return <span title={grams === null ? undefined : `${count(grams)} g`}>{weightText(grams)}</span>;
}

export const count = (value: number): string => value.toLocaleString('en');

/** The middle of a long id is cut out. One click copies the whole. */
export function Id({ value }: { value: string }) {
  const [isCopied, setCopied] = useState(false);
  const short = value.length > 16 ? `${value.slice(0, 8)}…${value.slice(-4)}` : value;
  const copy = (): void => {
    void navigator.clipboard.writeText(value).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1_500);
    });
  };
  return (
    <button type="button" className="id mono" title={`${value}: copy`} onClick={copy}>
      {isCopied ? 'copied' : short}
    </button>
  );
}
