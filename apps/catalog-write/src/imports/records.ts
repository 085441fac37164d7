/** Where a reader of records puts what it finds, in the order of the file. */
export interface RecordSink {
  /** `line` is the line that the record starts on, from 1. */
  record(line: number, value: Record<string, unknown>): void;
  bad(line: number, field: string | null, code: string, message: string): void;
}

/** Reads records out of text that comes in pieces cut anywhere. Throws `CatalogError` where no record can be read. */
export interface RecordReader {
  push(text: string): void;
  end(): void;
}
