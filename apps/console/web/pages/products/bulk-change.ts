import { currencyDigits } from '../../elements/values.tsx';
import type { Product } from '../../products/product.ts';

export type ChangeKind = 'pricePercent' | 'price' | 'status' | 'brand' | 'category';

export const changeNames: Readonly<Record<ChangeKind, { label: string; value: string; hint: string }>> = {
  pricePercent: { label: 'Price by a percentage', value: 'Percent', hint: 'such as 5 or -10' },
  price: { label: 'Price', value: 'New price', hint: 'such as 29.99, in the currency of each product' },
  status: { label: 'Status', value: 'New status', hint: 'draft, active or archived' },
  brand: { label: 'Brand', value: 'New brand', hint: '' },
  category: { label: 'Category', value: 'New category', hint: '' },
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
      if (!number.test(value) || Number(value) < 0) return undefined;
      return { ...product, priceMinor: Math.round(Number(value) * 10 ** currencyDigits(product.currency)) };
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
