/** What the audit log keeps of an import beside its rules: the file, and what became of its records. */
import { importResultSchema } from '@catalog/contracts';
import type { Request } from 'express';
import { z } from 'zod';

/** The page sends the name of the file percent-encoded, because a header has no other letters than ASCII. */
const fileHeader = 'import-file';
const longestName = 200;
/** With a longer map of columns the log would have no place for the rest. */
const longestColumns = 1_000;

/** The rules of an import, with the name of its file. */
export function importSent(req: Request): Record<string, unknown> {
  const { columns, ...rules } = req.query;
  const file = nameIn(req.get(fileHeader));
  return {
    ...rules,
    ...(typeof columns === 'string' && { columns: columns.slice(0, longestColumns).toWellFormed() }),
    ...(file !== undefined && { file }),
  };
}

function nameIn(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  try {
    return decodeURIComponent(header)
      .replaceAll(/\p{Cc}/gu, ' ')
      .slice(0, longestName)
      .toWellFormed();
  } catch {
    // Only a program sends such a header.
    return undefined;
  }
}

const { received, created, updated, unchanged, skipped, failed } = importResultSchema.shape;
const counts = z.object({ received, created, updated, unchanged, skipped, failed });

/** How many records became what. Empty for an answer that does not say it. */
export function importCounts(answer: unknown): Record<string, number> {
  return counts.safeParse(answer).data ?? {};
}
