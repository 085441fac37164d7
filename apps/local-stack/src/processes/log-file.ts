/** What a child prints goes to its own file. The file of the start before is kept under `.1`. */
import { createWriteStream, existsSync, renameSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { ReportWriteError } from '../machine/run-file.ts';

export class LogFile {
  readonly path: string;
  readonly #report: ReportWriteError;
  #stream: WriteStream | undefined;

  constructor(folder: string, name: string, report: ReportWriteError) {
    this.path = join(folder, `${name}.log`);
    this.#report = report;
    if (existsSync(this.path)) renameSync(this.path, `${this.path}.1`);
    this.#stream = this.#open();
  }

  line(text: string): void {
    this.#stream ??= this.#open();
    this.#stream.write(`${text}\n`);
  }

  close(): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return Promise.resolve();
    return new Promise((resolve) => stream.end(() => resolve()));
  }

  /** A stream that has failed writes no more. The next line opens another one, because a full disk may have room again. */
  #open(): WriteStream {
    const stream = createWriteStream(this.path, { flags: 'a', mode: 0o600 });
    stream.on('error', (error) => {
      this.#report(this.path, error);
      if (this.#stream === stream) this.#stream = undefined;
    });
    return stream;
  }
}
