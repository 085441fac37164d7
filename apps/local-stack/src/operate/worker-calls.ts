/** `npm run purge` and `npm run audit`: calls to the running worker. */
import { type AuditResult, auditResultSchema, purgeResultSchema, type WrongEntry } from '@catalog/contracts';
import { parseProblem, StackProblem } from '../problem.ts';

export interface WorkerCallOptions {
  readonly workerUrl: string;
  /** Has the scope to operate, and names the caller. */
  readonly token: string;
}

export interface PurgeArguments {
  readonly key?: string | undefined;
  readonly entity?: string | undefined;
  readonly all?: boolean | undefined;
  readonly reason?: string | undefined;
}

const usage =
  'Name the keys and the reason: npm run purge -- --key product:<id> | --entity product | --all --reason "wrong prices at noon"';

/** @returns what to print */
export async function purge(
  { key, entity, all, reason }: PurgeArguments,
  options: WorkerCallOptions,
): Promise<string> {
  if ([key, entity, all].filter(Boolean).length !== 1) {
    throw new StackProblem('Exactly one of --key, --entity and --all must be given.', usage);
  }
  if (reason === undefined || reason.trim() === '') throw new StackProblem('A --reason is needed.', usage);
  const body = { ...(key && { key }), ...(entity && { entity }), ...(all && { all }), reason };
  const { entries, invalidated } = purgeResultSchema.parse(await post('/v1/purges', body, options));
  return `purged: ${entries} entries found, ${invalidated} of them could have been served`;
}

export async function audit(options: WorkerCallOptions): Promise<AuditResult> {
  return auditResultSchema.parse(await post('/v1/audits', undefined, options));
}

export function auditReport(result: AuditResult): string[] {
  const { checked, wrong, wrongFor } = result;
  const took_s = (Date.parse(result.finishedAt) - Date.parse(result.startedAt)) / 1_000;
  const wrongTotal = wrong.older + wrong.newer + wrong.other;
  const ages = wrongFor.map(({ atLeastSeconds, entries }) => `${entries} for ${atLeastSeconds} s or more`);
  const bound = wrongTotal === 0 && checked > 3 ? ` (none wrong: at most 3 in ${checked} are, at 95 %)` : '';
  return [
    `checked    ${checked} cached entries against Postgres in ${took_s.toFixed(1)} s`,
    `right      ${result.right}`,
    `wrong      ${wrong.older} older, ${wrong.newer} newer, ${wrong.other} of another content`,
    ...(wrongTotal > 0 ? [`           ${ages.join(', ')}`, `repaired   ${result.repaired}`] : []),
    ...result.entries.map((entry) => `           ${wrongEntryText(entry)}`),
    ...(wrongTotal > result.entries.length
      ? [`           and ${wrongTotal - result.entries.length} more`]
      : []),
    ...(result.undecided > 0
      ? [`undecided  ${result.undecided}: the feed was behind; try again when it has caught up`]
      : []),
    `nines      ${result.nines.toFixed(2)}${bound}`,
  ];
}

/** Which entry was wrong, in what, and since when. */
function wrongEntryText({
  key,
  difference,
  cachedVersion,
  version,
  members,
  wrongSince,
}: WrongEntry): string {
  const what = {
    older: `version ${cachedVersion} instead of ${version}`,
    newer: `version ${cachedVersion}, ahead of Postgres with ${version}`,
    other: 'other content',
  }[difference];
  const differing = members.length === 0 ? '' : `, different in ${members.join(', ')}`;
  return `${key}: ${what}${differing}, since ${wrongSince} or longer`;
}

async function post(
  path: string,
  body: object | undefined,
  { workerUrl, token }: WorkerCallOptions,
): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(`${workerUrl}${path}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new StackProblem('The invalidation worker does not answer.', 'Is the stack running? npm start', {
      cause,
    });
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  const problem = parseProblem(text);
  throw new StackProblem(
    `The worker refused (${response.status}): ${problem?.detail ?? text.slice(0, 500)}`,
    problem?.errors.map(({ pointer, message }) => `${pointer ?? ''} ${message}`.trim()).join('\n') || usage,
  );
}
