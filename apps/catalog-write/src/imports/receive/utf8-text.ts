import { isUtf8 } from 'node:buffer';
import { CatalogError } from '@catalog/contracts';

const newline = 0x0a;

/**
 * Turns the bytes of an upload into text, piece by piece. It accepts only UTF-8 and drops a byte-order mark. Guessing
 * another encoding would store broken names, and nobody would notice.
 */
export class Utf8Text {
  #tail: Buffer = Buffer.alloc(0);
  #lines = 1;
  #atStart = true;

  /** @throws CatalogError `malformed_request` with the line and, where it is known, the encoding */
  push(chunk: Buffer): string {
    return this.#decode(this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]), false);
  }

  end(): string {
    return this.#decode(this.#tail, true);
  }

  #decode(bytes: Buffer, final: boolean): string {
    let start = 0;
    if (this.#atStart) {
      // Four bytes are enough to recognise UTF-16, with or without a byte-order mark.
      if (bytes.length < 4 && !final) {
        this.#tail = bytes;
        return '';
      }
      this.#atStart = false;
      refuseOtherFormats(bytes);
      refuseUtf16(bytes);
      if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) start = 3;
    }
    const end = final ? bytes.length : bytes.length - unfinishedBytes(bytes);
    const whole = bytes.subarray(start, end);
    this.#tail = Buffer.from(bytes.subarray(end));
    if (!isUtf8(whole)) this.#refuse(whole);
    for (let at = whole.indexOf(newline); at !== -1; at = whole.indexOf(newline, at + 1)) this.#lines++;
    return whole.toString('utf8');
  }

  #refuse(bytes: Buffer): never {
    let line = this.#lines;
    for (let from = 0; from < bytes.length; line++) {
      const at = bytes.indexOf(newline, from);
      const to = at === -1 ? bytes.length : at;
      if (!isUtf8(bytes.subarray(from, to))) break;
      from = to + 1;
    }
    throw refusal(
      `Line ${line} is not UTF-8. The file seems to be in Latin-1 or Windows-1252. Save it as UTF-8 and send it again.`,
    );
  }
}

/** The first bytes of files that people send instead of text, and what to do. */
const otherFormats: readonly (readonly [start: Buffer, what: string])[] = [
  [Buffer.from('PK\u0003\u0004'), 'an Excel workbook or another ZIP archive'],
  [Buffer.of(0xd0, 0xcf, 0x11, 0xe0), 'an old Excel workbook'],
  [Buffer.of(0x1f, 0x8b), 'compressed with gzip'],
  [Buffer.from('%PDF'), 'a PDF'],
];

function refuseOtherFormats(bytes: Buffer): void {
  const found = otherFormats.find(([start]) => bytes.subarray(0, start.length).equals(start));
  if (found === undefined) return;
  throw refusal(
    `The file is ${found[1]}, and not text. Save it as CSV in UTF-8 (in Excel: Save As, "CSV UTF-8") and send that.`,
    'not_text',
  );
}

function refuseUtf16(bytes: Buffer): void {
  const littleEndian = (bytes[0] === 0xff && bytes[1] === 0xfe) || looksWide(bytes, 1);
  const bigEndian = (bytes[0] === 0xfe && bytes[1] === 0xff) || looksWide(bytes, 0);
  if (littleEndian || bigEndian) {
    const name = littleEndian ? 'UTF-16 (little endian)' : 'UTF-16 (big endian)';
    throw refusal(`The file is in ${name}. Save it as UTF-8 and send it again.`);
  }
}

/** ASCII in UTF-16 has a NUL in every other byte. */
function looksWide(bytes: Buffer, zeroAt: 0 | 1): boolean {
  return (
    bytes.length >= 4 &&
    bytes[zeroAt] === 0 &&
    bytes[zeroAt + 2] === 0 &&
    bytes[1 - zeroAt] !== 0 &&
    bytes[3 - zeroAt] !== 0
  );
}

/** How many bytes at the end belong to a character that continues in the next chunk. */
function unfinishedBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}

function refusal(detail: string, code = 'encoding'): CatalogError {
  return new CatalogError('malformed_request', detail, { errors: [{ code, message: detail }] });
}
