/** Parts as price comparisons list them: CSV with prices as decimals, names that begin like formulas, and numbers of any form. */
import type { ProductImport } from '@catalog/contracts';

export interface ComputerPart {
  readonly name: string;
  readonly price: number | null;
  readonly type: string;
  readonly [property: string]: string | number | boolean | null;
}

export function convertPart({ name, price, type, sku, ...rest }: ComputerPart): ProductImport | undefined {
  // Half of such a list has no price.
  if (price === null) return undefined;
  return {
    sku: String(sku),
    name,
    brand: name.split(' ')[0] ?? name,
    category: type,
    priceMinor: Math.round(price * 100),
    currency: 'USD',
    status: 'active',
    attributes: Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)) as Record<
      string,
      string | number | boolean
    >,
  };
}

export function* madeUpParts(count: number): Generator<ComputerPart> {
  const types = ['cpu', 'memory', 'Memory', 'case-fan', 'video-card'];
  const forms = [
    '="Form" 7',
    '+12V supply',
    '-5 °C cooler',
    '@home kit',
    'Quote"in"side',
    'Comma, inside',
    '12.5" bay',
  ];
  for (let index = 0; index < count; index++) {
    const longest = `PART-${String(index).padStart(6, '0')}-${'x'.repeat(64)}`.slice(0, 64);
    // SKUs that differ only by case are two products, as in the lists of some suppliers.
    const sku =
      index % 10 === 0
        ? longest
        : index % 10 === 1
          ? `Ab-${index - (index % 2)}`
          : index % 10 === 2
            ? `aB-${index - 2}`
            : `=P"${index}"`;
    yield {
      sku,
      name: `${forms[index % forms.length]} ${index}`,
      price: index % 13 === 0 ? null : index * 1.1,
      type: types[index % types.length] ?? 'cpu',
      clock: index / 3,
      tiny: 1.5e-7,
      large: 1e21,
      ecc: index % 2 === 0,
      colour: index % 3 === 0 ? null : 'Schwarz / 黒',
      formula: '=SUM(A1:A9)',
    };
  }
}
