/** Devices as libraries of racks describe them: one object each, with a weight in kilograms or pounds. */
import type { ProductImport } from '@catalog/contracts';

export interface NetworkDevice {
  readonly manufacturer: string;
  readonly model: string;
  readonly part_number?: string;
  readonly u_height: number;
  readonly weight?: number;
  readonly weight_unit?: 'kg' | 'lb' | 'g' | 'oz';
  readonly airflow?: string;
  readonly is_full_depth?: boolean;
  readonly comments?: string;
}

const gramsOf = { kg: 1_000, lb: 453.592_37, g: 1, oz: 28.349_523_125 } as const;
const rackUnit_mm = 44.45;

/** Without a price of its own, as such libraries have none. */
export function convertDevice(device: NetworkDevice): ProductImport {
  const {
    manufacturer,
    model,
    part_number,
    u_height,
    weight,
    weight_unit = 'kg',
    airflow,
    comments = '',
  } = device;
  return {
    sku: asSku(part_number ?? `${manufacturer}-${model}`),
    name: `${manufacturer} ${model}`,
    description: comments,
    brand: manufacturer,
    category: 'network device',
    weightGrams: weight === undefined ? null : Math.round(weight * gramsOf[weight_unit]),
    heightMm: u_height === 0 ? null : Math.round(u_height * rackUnit_mm),
    priceMinor: 0,
    currency: 'EUR',
    status: 'active',
    attributes: {
      rackUnits: u_height,
      ...(airflow !== undefined && { airflow }),
      fullDepth: device.is_full_depth ?? true,
    },
  };
}

/** At most 64 printable ASCII characters. */
const asSku = (text: string): string =>
  text
    .normalize('NFKD')
    .replaceAll(/[^\x21-\x7e]+/g, '-')
    .slice(0, 64);

/** Made up, with what such files hold: fractions, other units, missing parts, quotes and line ends. */
export function* madeUpDevices(count: number): Generator<NetworkDevice> {
  const makers = ['Nördlich', 'ACME "Net"', 'Büro & Söhne', 'シスコ風', 'Сеть', 'شبكة'];
  for (let index = 0; index < count; index++) {
    const unit = (['kg', 'lb', 'g', 'oz'] as const)[index % 4] ?? 'kg';
    yield {
      manufacturer: makers[index % makers.length] ?? '',
      model: `SW-${index}/48P`,
      ...(index % 3 !== 0 && {
        part_number: index % 50 === 1 ? `${'L'.repeat(60)}${String(index).padStart(4, '0')}` : `PN ${index}`,
      }),
      u_height: [0, 1, 1.5, 2, 4][index % 5] ?? 1,
      ...(index % 7 !== 0 && { weight: [0.453, 12.7, 3.1, 250][index % 4] ?? 1, weight_unit: unit }),
      ...(index % 2 === 0 && { airflow: 'front-to-rear', is_full_depth: false }),
      ...(index % 11 === 0 && { comments: `First line,\n"second" line; ${index}\r\nthird\tline \\N \\.` }),
    };
  }
}
