import { markChanges, type Pool } from '@catalog/database';
import { type Part, repeat } from '@catalog/runtime';
import type { FailureReporter } from '../failures/report-failure.ts';

/** A follower of the changes that meets an open transaction searches back to the last mark before it began. */
const interval_ms = 60_000;

/** Marks how far the changes of products are, for `GET /v1/changes` of catalog-read. Several workers may do so. */
export function changeMarks(pool: Pool, keep_s: number, reportFailure: FailureReporter): Part {
  const onError = reportFailure('change marks', { tries_ms: interval_ms });
  return {
    run: (signal) => repeat(() => markChanges(pool, keep_s), { every_ms: interval_ms, signal, onError }),
  };
}
