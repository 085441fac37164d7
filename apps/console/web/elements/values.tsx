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
