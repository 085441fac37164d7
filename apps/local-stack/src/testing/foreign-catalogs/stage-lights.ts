/** Lights as fixture libraries describe them: dimensions and weights are floats. */
import type { ProductImport } from '@catalog/contracts';

export interface StageLight {
  readonly manufacturerKey: string;
  readonly key: string;
  readonly name: string;
  readonly categories: readonly string[];
  readonly physical?: {
    /** Width, height, depth in millimetres. */
    readonly dimensions?: readonly [number, number, number];
    /** In kilograms. */
    readonly weight?: number;
    readonly power?: number;
    readonly DMXconnector?: string;
  };
}

export function convertLight({
  manufacturerKey,
  key,
  name,
  categories,
  physical = {},
}: StageLight): ProductImport {
  const [width, height, depth] = physical.dimensions ?? [];
  return {
    sku: `${manufacturerKey}/${key}`.slice(0, 64),
    name,
    brand: manufacturerKey,
    category: categories[0] ?? 'Other',
    weightGrams: physical.weight === undefined ? null : Math.round(physical.weight * 1_000),
    lengthMm: millimetres(depth),
    widthMm: millimetres(width),
    heightMm: millimetres(height),
    priceMinor: 99_900,
    currency: 'USD',
    status: 'active',
    attributes: {
      categories: categories.join(', '),
      ...(physical.power !== undefined && { watts: physical.power }),
      ...(physical.DMXconnector !== undefined && { connector: physical.DMXconnector }),
    },
  };
}

const millimetres = (length: number | undefined): number | null =>
  length === undefined ? null : Math.max(1, Math.round(length));

export function* madeUpLights(count: number): Generator<StageLight> {
  const names = ['Spot «Été»', 'Ποιητής LED', 'Прожектор 7', '舞台灯', 'ضوء المسرح', 'שלט במה', 'मंच प्रकाश'];
  for (let index = 0; index < count; index++) {
    yield {
      manufacturerKey: `maker-${index % 9}`,
      key: `light-${index}`,
      name: `${names[index % names.length]} ${index} 💡`,
      categories: index % 4 === 0 ? [] : ['Moving Head', 'Color Changer'].slice(index % 2),
      ...(index % 6 !== 0 && {
        physical: {
          ...(index % 5 !== 0 && { dimensions: [300.5 + index, 0.4, 1_234.56] as const }),
          weight: 0.1 + index / 7,
          power: 12.5 * (index % 10),
          DMXconnector: '5-pin, "XLR"',
        },
      }),
    };
  }
}
