/** More parts are joined: a part of one character takes many times its size. */
const mostParts = 1_024;

/**
 * Text that arrives in pieces. It is joined when it is complete: `+=` would leave a chain of pieces that each search walks
 * from its beginning.
 */
export class TextParts {
  #parts: string[] = [];
  length = 0;

  add(text: string): void {
    if (text === '') return;
    this.length += text.length;
    if (this.#parts.push(text) === mostParts) this.#parts = [this.#parts.join('')];
  }

  /** The whole text. Empties the parts. */
  take(): string {
    const [first = ''] = this.#parts;
    const text = this.#parts.length > 1 ? this.#parts.join('') : first;
    if (this.#parts.length > 0) this.#parts = [];
    this.length = 0;
    return text;
  }
}
