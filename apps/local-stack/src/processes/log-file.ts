/** What a child prints goes to its own file; a file of an earlier start is kept once, under `.1`. */
import { createWriteStream, existsSync, renameSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { TellUnwritten } from '../machine/unwritten.ts';

/** Enough lines to show why a child died. */
const remembered = 15;

export class LogFile {
  readonly path: string;
  readonly #unwritten: TellUnwritten;
  #stream: WriteStream | undefined;
  #last: string[] = [];

  constructor(folder: string, name: string, unwritten: TellUnwritten) {
    this.path = join(folder, `${name}.log`);
    this.#unwritten = unwritten;
    if (existsSync(this.path)) renameSync(this.path, `${this.path}.1`);
    this.#stream = this.#open();
  }

  line(text: string): void {
    this.#stream ??= this.#open();
    this.#stream.write(`${text}\n`);
    this.#last = [...this.#last, text].slice(-remembered);
  }

  last(): readonly string[] {
    return this.#last;
  }

  close(): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return Promise.resolve();
    return new Promise((resolve) => stream.end(() => resolve()));
  }

  /** A stream that failed writes no more, so the next line opens another: a disk may have room again by then. */
  #open(): WriteStream {
    const stream = createWriteStream(this.path, { flags: 'a', mode: 0o600 });
    stream.on('error', (error) => {
      this.#unwritten(this.path, error);
      if (this.#stream === stream) this.#stream = undefined;
    });
    return stream;
  }
}
