/** What a child prints goes to its own file; a file of an earlier start is kept once, under `.1`. */
import { createWriteStream, existsSync, renameSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';

/** Enough lines to show why a child died. */
const remembered = 15;

export class LogFile {
  readonly path: string;
  readonly #stream: WriteStream;
  #last: string[] = [];

  constructor(folder: string, name: string) {
    this.path = join(folder, `${name}.log`);
    if (existsSync(this.path)) renameSync(this.path, `${this.path}.1`);
    this.#stream = createWriteStream(this.path, { mode: 0o600 });
  }

  line(text: string): void {
    this.#stream.write(`${text}\n`);
    this.#last = [...this.#last, text].slice(-remembered);
  }

  last(): readonly string[] {
    return this.#last;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#stream.end(() => resolve()));
  }
}
