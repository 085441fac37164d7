import { formatOf, headerOf, textOf, type FileFormat, type Header } from './records.ts';

export interface ChosenFile {
  readonly file: File;
  readonly format: FileFormat;
  /** undefined for NDJSON, whose members are named as the fields. */
  readonly header: Header | undefined;
}

/** @returns the file, or why it cannot be imported */
export async function openFile(file: File): Promise<ChosenFile | string> {
  const format = formatOf(file.name);
  if (format === undefined) return 'The name must end with .csv, .ndjson or .jsonl.';
  if (file.size === 0) return 'The file is empty.';
  if (format === 'ndjson') return { file, format, header: undefined };
  const header = await headerOf(textOf(file));
  return header.columns.length === 0
    ? 'It has no header. The first line must name the columns.'
    : { file, format, header };
}
