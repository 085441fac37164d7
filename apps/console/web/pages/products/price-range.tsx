import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { currencyDigits } from '../../elements/values.tsx';
import { getJson } from '../../http/api.ts';

interface PriceRangeProps {
  /** In minor units. */
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly choose: (range: { minPrice?: number | undefined; maxPrice?: number | undefined }) => void;
}

/** Prices from … to …, typed in the currency of the store. */
export function PriceRange({ min, max, choose }: PriceRangeProps) {
  const { data: settings } = useQuery({
    queryKey: ['store currency'],
    queryFn: ({ signal }) => getJson<{ defaultCurrency: string }>('/api/settings', signal),
    staleTime: 60_000,
  });
  // Until it is known, nobody can tell how many minor units a price has.
  const currency = settings?.defaultCurrency;
  return (
    <div className="range">
      <Price label="Price from" currency={currency} minor={min} choose={(minPrice) => choose({ minPrice })} />
      <Price label="Price to" currency={currency} minor={max} choose={(maxPrice) => choose({ maxPrice })} />
    </div>
  );
}

function Price({
  label,
  currency,
  minor,
  choose,
}: {
  label: string;
  currency: string | undefined;
  minor: number | undefined;
  choose: (minor: number | undefined) => void;
}) {
  const digits = currency === undefined ? 2 : currencyDigits(currency);
  const shown = minor === undefined ? '' : (minor / 10 ** digits).toFixed(digits);
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);
  const typed = text.trim().replace(',', '.');
  const isWrong = typed !== '' && !/^\d{1,12}(?:\.\d*)?$/.test(typed);
  const apply = (): void => {
    const wanted = typed === '' ? undefined : Math.round(Number(typed) * 10 ** digits);
    if (!isWrong && wanted !== minor) choose(wanted);
  };
  return (
    <input
      aria-label={label}
      aria-invalid={isWrong}
      placeholder={`${currency ?? ''} ${label.replace('Price ', '')}`}
      title={isWrong ? 'A price such as 29.99' : 'Prices in other currencies are compared as they are'}
      disabled={currency === undefined}
      inputMode="decimal"
      maxLength={20}
      value={text}
      onChange={({ target }) => setText(target.value)}
      onBlur={apply}
      onKeyDown={({ key }) => key === 'Enter' && apply()}
    />
  );
}
