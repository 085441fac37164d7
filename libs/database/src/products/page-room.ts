import { maxPage_bytes } from '@catalog/contracts';

/**
 * How much of a page is left for rows. Every answer with several products ends before it is larger than `maxPage_bytes`. Its
 * first row has a place in any case, so that a reader of pages always gets further.
 */
export class PageRoom {
  #left_bytes: number = maxPage_bytes;
  #isEmpty = true;

  /**
   * @param bytes of the next row as JSON
   * @returns false if the page ends before this row. Then it ends before all rows behind it, too
   */
  takes(bytes: number): boolean {
    this.#left_bytes -= bytes;
    const fits = this.#isEmpty || this.#left_bytes >= 0;
    this.#isEmpty = false;
    return fits;
  }
}

export const jsonBytes = (row: unknown): number => Buffer.byteLength(JSON.stringify(row));
