/** Values as people read them. The exact value is in the title, which shows on hover. */
import { minorUnitDigits } from '@catalog/contracts';
import { useEffect, useState } from 'react';

/*
 * The texts are made by hand: the first formatter of a browser's Intl takes 10 ms, which a person would wait for on every page.
 */

/** With commas between the thousands: `1,234,567.5`. */
const grouped = (number: string): string => number.replace(/\B(?<!\.\d*)(?=(?:\d{3})+(?!\d))/g, ',');

export const count = (value: number): string => grouped(String(value));

/** `1 record`, `1,204 records`. */
export const amount = (value: number, one: string, many: string): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** Each unit with its plural, its length, and the age from which it is used. */
const steps = [
  ['mo', 'mo', 2_629_800, 5_184_000],
  ['day', 'days', 86_400, 86_400],
  ['hr', 'hr', 3_600, 3_600],
  ['min', 'min', 60, 60],
  ['sec', 'sec', 1, 0],
] as const;

export function timeAgo(at: string, now_ms = Date.now()): string {
  const age_s = Math.round((now_ms - Date.parse(at)) / 1_000);
  const distance_s = Math.abs(age_s);
  if (distance_s < 5) return 'now';
  const [unit, units, length_s] = steps.find(([, , , from_s]) => distance_s >= from_s) ?? steps[4];
  const amount = Math.round(distance_s / length_s);
  const text = `${amount} ${amount === 1 ? unit : units}`;
  if (age_s < 0) return `in ${text}`;
  return text === '1 day' ? 'yesterday' : `${text} ago`;
}

export const monthNames: readonly string[] =
  'January February March April May June July August September October November December'.split(' ');

/** `03:23:52` in the time zone of this browser. */
export const clockText = (at: string | number): string => new Date(at).toTimeString().slice(0, 8);

/** The exact moment, `30 Nov 2026, 03:23:52`. */
export function exactTime(at: string): string {
  const date = new Date(at);
  return `${date.getDate()} ${monthNames[date.getMonth()]?.slice(0, 3)} ${date.getFullYear()}, ${clockText(at)}`;
}

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
  return <span title={`${count(ms)} ms`}>{durationText(ms)}</span>;
}

/** Renders the component again from time to time, so that its times stay true. */
export function useAging(): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 10_000);
    return () => clearInterval(timer);
  }, []);
}

export function Ago({ at }: { at: string }) {
  useAging();
  return <Moment at={at} />;
}

/** As `Ago`, inside a component that calls `useAging` for many of them. */
export const Moment = ({ at }: { at: string }) => (
  <time dateTime={at} title={exactTime(at)}>
    {timeAgo(at)}
  </time>
);

/** How many digits a currency has after the decimal point: 2 for EUR, 0 for JPY. A wrong currency may be typed at the moment. */
export const currencyDigits = (currency: string): number => minorUnitDigits(currency.toUpperCase()) ?? 2;

export function moneyText(minor: number, currency: string): string {
  const digits = currencyDigits(currency);
  return `${grouped((minor / 10 ** digits).toFixed(digits))} ${currency}`;
}

export function Money({ minor, currency }: { minor: number; currency: string }) {
  return <span title={`${minor} minor units of ${currency}`}>{moneyText(minor, currency)}</span>;
}

function weightText(grams: number | null): string {
  if (grams === null) return '–';
  if (grams < 1_000) return `${grams} g`;
  return `${count(Math.round(grams / 10) / 100)} kg`;
}

export function Weight({ grams }: { grams: number | null }) {
  return <span title={grams === null ? undefined : `${count(grams)} g`}>{weightText(grams)}</span>;
}

/** The middle of a long id is cut out. */
export const shortId = (value: string): string =>
  value.length > 16 ? `${value.slice(0, 8)}…${value.slice(-4)}` : value;

/** One click copies the whole id. */
export function Id({ value }: { value: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    void navigator.clipboard.writeText(value).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1_500);
    });
  };
  return (
    <button type="button" className="id mono" title={`${value}: copy`} onClick={copy}>
      {isCopied ? 'copied' : shortId(value)}
    </button>
  );
}
