import { cacheRows } from './cache-rows.ts';
import { changeFeedRows } from './change-feed-rows.ts';
import { clockRow } from './clock-row.ts';
import { databaseRows } from './database-rows.ts';
import { deployRows } from './deploy-rows.ts';
import { doorbellRows } from './doorbell-rows.ts';
import type { Row } from './row.ts';

export const rows: readonly Row[] = [
  ...cacheRows,
  ...doorbellRows,
  ...changeFeedRows,
  ...databaseRows,
  ...deployRows,
  clockRow,
].sort((a, b) => Number.parseInt(a.id, 10) - Number.parseInt(b.id, 10));

/** Rows of the matrix that are shown elsewhere, and where; the report repeats it. */
export const elsewhere: Readonly<Record<string, string>> = {
  '32': 'not injected: needs a file system of its own',
  '37': 'not injected',
};
