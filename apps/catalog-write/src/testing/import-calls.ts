import {
  importResultSchema,
  problemSchema,
  rejectedImportSchema,
  type ImportResult,
  type Problem,
} from '@catalog/contracts';
import type { CallOptions, RunningService } from './running-service.ts';

/** The required columns of a CSV file. */
export const csvHeader = 'sku,name,brand,category,priceMinor,currency';
export const csvRow = (sku: string, name = 'Lamp', priceMinor: number | string = 1999): string =>
  `${sku},${name},Acme,Lighting,${priceMinor},EUR`;
export const csv = (...rows: string[]): string => `${[csvHeader, ...rows].join('\n')}\n`;

export interface ImportCall extends CallOptions {
  readonly query?: string;
}

export function postImport(
  service: RunningService,
  raw: CallOptions['raw'],
  { query = '', headers, ...options }: ImportCall = {},
): Promise<Response> {
  // Each import is one of another caller, unless the test says whose it is: a caller may run only a few at once.
  const token = service.token({ sub: `importer-${(nextCaller += 1)}` });
  return service.call('POST', `/v1/imports?${query}`, {
    type: 'text/csv',
    ...options,
    headers: { Authorization: `Bearer ${token}`, ...headers },
    raw,
  });
}
let nextCaller = 0;

/** Sends an import that is answered with a result, in any state. */
export async function imported(
  service: RunningService,
  raw: CallOptions['raw'],
  options: ImportCall = {},
): Promise<ImportResult> {
  const res = await postImport(service, raw, options);
  const body: unknown = await res.json();
  if (res.status === 422) return readImport(service, rejectedImportSchema.parse(body).id);
  if (res.status !== 200) throw new Error(`${res.status} ${JSON.stringify(body)}`);
  return importResultSchema.parse(body);
}

/** Sends an import that is refused as a whole. */
export async function refusedImport(
  service: RunningService,
  raw: CallOptions['raw'],
  options: ImportCall = {},
): Promise<Problem> {
  const res = await postImport(service, raw, options);
  if (res.status === 200) throw new Error(`the import was not refused: ${await res.text()}`);
  return problemSchema.parse(await res.json());
}

export async function readImport(service: RunningService, id: string): Promise<ImportResult> {
  return importResultSchema.parse(await (await service.call('GET', `/v1/imports/${id}`)).json());
}

/** Created, updated, unchanged, failed. */
export const counts = (result: ImportResult): number[] => [
  result.created,
  result.updated,
  result.unchanged,
  result.failed,
];

/** A body that the test sends piece by piece. */
export function slowBody(): { body: ReadableStream<Uint8Array>; send(text: string): void; end(): void } {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
  });
  return { body, send: (text) => controller.enqueue(Buffer.from(text)), end: () => controller.close() };
}
