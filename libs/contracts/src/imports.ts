/** Bodies of `POST /v1/imports` and `GET /v1/imports/{id}`. */
import { z } from 'zod';

export const importModes = ['reject-all', 'skip-failed'] as const;
export const importErrorSchema = z.strictObject({
  /** The line of the body on which the record starts. The first line is 1, and a CSV header counts. */
  line: z.int().min(1),
  field: z.string().nullable(),
  code: z.string(),
  message: z.string(),
});
export type ImportError = z.infer<typeof importErrorSchema>;

export const importResultSchema = z.strictObject({
  id: z.uuid(),
  state: z.enum(['running', 'succeeded', 'rejected', 'failed']),
  mode: z.enum(importModes),
  dryRun: z.boolean(),
  /** Records read so far. */
  received: z.int(),
  created: z.int(),
  updated: z.int(),
  unchanged: z.int(),
  failed: z.int(),
  /** Only the first errors. `failed` counts all. */
  errors: z.array(importErrorSchema),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
});
export type ImportResult = z.infer<typeof importResultSchema>;
