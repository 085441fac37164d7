/** Generates the import files while they are sent. The content is the same each time. */
const header =
  'sku,name,description,brand,category,gtin,weightGrams,lengthMm,widthMm,heightMm,priceMinor,currency,status,attributes\n';
const kinds = ['sensor', 'light', 'switch', 'plug', 'remote', 'lock', 'thermostat', 'blind', 'siren', 'hub'];
const rowsPerChunk = 1_000;

export interface ImportFile {
  readonly rows: number;
  /** A tenth of the rows has a different price than in the first file. */
  readonly tenthChanged: boolean;
}

/** Rows of about 280 bytes, like those of the demo catalog, with escaped quotes. */
export function* importFile({ rows, tenthChanged }: ImportFile): Generator<Uint8Array> {
  yield Buffer.from(header);
  for (let first = 0; first < rows; first += rowsPerChunk) {
    let chunk = '';
    for (let index = first; index < Math.min(rows, first + rowsPerChunk); index++)
      chunk += row(rows, index, tenthChanged && index % 10 === 0 ? 1 : 0);
    yield Buffer.from(chunk);
  }
}

function row(rows: number, index: number, more: number): string {
  const kind = kinds[index % kinds.length] ?? '';
  const brand = `Brand ${(index * 31) % 300}`;
  const sku = `GEN-IMPORT-${rows}-${String(index).padStart(7, '0')}`;
  const price = 100 + ((index * 7919) % 100_000) + more;
  const attributes = `"{""model"":""M${index}"",""radio"":""Zigbee"",""estimated"":""weight, size and price are estimates by kind of device""}"`;
  return `${sku},"${kind} ${index} of ""${brand}""","${kind} by ${brand}, model M${index}, connects by Zigbee.",${brand},${kind},${gtin(index)},${index % 5_000},${1 + (index % 300)},${1 + (index % 200)},${1 + (index % 100)},${price},EUR,active,${attributes}\n`;
}

/** A GTIN with its GS1 check digit. */
function gtin(index: number): string {
  const digits = String(400_000_000_000 + index);
  let sum = 0;
  for (let place = 0; place < 12; place++) sum += Number(digits[place]) * (place % 2 === 0 ? 1 : 3);
  return digits + String((10 - (sum % 10)) % 10);
}
