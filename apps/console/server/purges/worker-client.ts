import {
  CatalogError,
  errorCatalogue,
  OPERATE_SCOPE,
  problemSchema,
  purgeResultSchema,
  type ErrorCode,
  type PurgeRequest,
  type PurgeResult,
} from '@catalog/contracts';

export type SignToken = (claims: { subject: string; audience: string; scope: string }) => Promise<string>;

/** The largest purge scans the whole cache. */
const timeout_ms = 30_000;

const isCode = (code: string): code is ErrorCode => Object.hasOwn(errorCatalogue, code);

/** Asks the worker, because only the worker changes cache entries. Throws `CatalogError`. */
export function createWorkerClient({ url, sign }: { url: string; sign: SignToken }) {
  return {
    /** `subject` names the user in the token, and so in the log of the worker. */
    async purge(purge: PurgeRequest, subject: string): Promise<PurgeResult> {
      const token = await sign({ subject, audience: 'invalidation-worker', scope: OPERATE_SCOPE });
      let response: Response;
      let text: string;
      try {
        response = await fetch(`${url}/v1/purges`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
          body: JSON.stringify(purge),
          signal: AbortSignal.timeout(timeout_ms),
        });
        text = (await response.text()).slice(0, 2_000);
      } catch (cause) {
        throw new CatalogError('unavailable', 'The invalidation worker does not answer.', {
          retryAfterSeconds: 1,
          cause,
        });
      }
      if (response.ok) return purgeResultSchema.parse(parsed(text));
      const problem = problemSchema.safeParse(parsed(text));
      const { code, detail } = problem.data ?? { code: '', detail: '' };
      // 401 and 403 are about the key of the console, so the user of the console cannot mend them.
      if (!isCode(code) || response.status === 401 || response.status === 403)
        throw new Error(`the worker answered ${response.status} to a purge: ${text}`);
      throw new CatalogError(code, `The invalidation worker refused: ${detail}`);
    },
  };
}

export type WorkerClient = ReturnType<typeof createWorkerClient>;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
