import { formatOf, headerOf, textOf, type FileFormat, type Header } from './records.ts';

export interface ChosenFile {
  readonly file: File;
  readonly format: FileFormat;
  /** undefined for NDJSON, whose members are named as the fields. */
  readonly header: Header | undefined;
}

/** The service checks all of it. The columns of another encoding would be unreadable before that. */
async function beginsAsText(file: File): Promise<boolean> {
  const begin = await file.slice(0, 65_536).arrayBuffer();
  try {
    // The last letter may be cut in the middle, so the text is not at its end.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(begin, { stream: true });
    return !text.includes('\0');
  } catch {
    return false;
  }
}

/** @returns the file, or why it cannot be imported */
export async function openFile(file: File): Promise<ChosenFile | string> {
  const format = formatOf(file.name);
  if (format === undefined) return 'The name must end with .csv, .ndjson or .jsonl.';
  if (file.size === 0) return 'The file is empty.';
  if (!(await beginsAsText(file)))
    return 'It is not text in UTF-8. Save it as “CSV UTF-8”, then choose it again.';
  if (format === 'ndjson') return { file, format, header: undefined };
  const header = await headerOf(textOf(file));
  // Then the whole file would be one line.
  if (header.text.includes('\r'))
    return 'Its lines end as on an old Mac (CR). Save it as “CSV UTF-8”, then choose it again.';
  return header.columns.length === 0
    ? 'It has no header. The first line must name the columns.'
    : { file, format, header };
}
