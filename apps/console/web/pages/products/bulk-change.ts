import { currencyDigits } from '../../elements/values.tsx';
import type { Product } from '../../products/product.ts';

export type ChangeKind = 'pricePercent' | 'price' | 'status' | 'brand' | 'category';

interface ChangeName {
  readonly label: string;
  readonly value: string;
  readonly hint: string;
  /** What the value must be. */
  readonly rule: string;
}

export const changeNames: Readonly<Record<ChangeKind, ChangeName>> = {
  pricePercent: {
    label: 'Price by a percentage',
    value: 'Percent',
    hint: 'such as 5 or -10',
    rule: 'a number above -100',
  },
  price: {
    label: 'Price',
    value: 'New price',
    hint: 'such as 29.99, in the currency of each product',
    rule: 'a price such as 29.99',
  },
  status: {
    label: 'Status',
    value: 'New status',
    hint: 'draft, active or archived',
    rule: 'draft, active or archived',
  },
  brand: { label: 'Brand', value: 'New brand', hint: '', rule: 'a name' },
  category: { label: 'Category', value: 'New category', hint: '', rule: 'a name' },
};

const number = /^-?\d+(?:\.\d+)?$/;

/** The product after the change. undefined while the value is not valid for this change. */
export function change(product: Product, kind: ChangeKind, value: string): Product | undefined {
  if (value === '') return undefined;
  switch (kind) {
    case 'pricePercent': {
      if (!number.test(value) || Number(value) <= -100) return undefined;
      return { ...product, priceMinor: Math.round(product.priceMinor * (1 + Number(value) / 100)) };
    }
    case 'price': {
      const digits = currencyDigits(product.currency);
      const decimals = value.split('.')[1] ?? '';
      // A price is never rounded: 1.005 EUR is a mistake.
      if (!number.test(value) || Number(value) < 0 || decimals.length > digits) return undefined;
      return { ...product, priceMinor: Math.round(Number(value) * 10 ** digits) };
    }
    case 'status':
      if (value !== 'draft' && value !== 'active' && value !== 'archived') return undefined;
      return { ...product, status: value };
    case 'brand':
      return { ...product, brand: value };
    case 'category':
      return { ...product, category: value };
  }
}

export const amountText = (products: number): string =>
  `${products} ${products === 1 ? 'product' : 'products'}`;
