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

/** `who` becomes the subject of the token, and so stands in the worker's log. */
export type SignToken = (claims: { subject: string; audience: string; scope: string }) => Promise<string>;

/** The worker walks the whole cache for the widest of them. */
const patience_ms = 30_000;

const isCode = (code: string): code is ErrorCode => Object.hasOwn(errorCatalogue, code);

/** Asks the worker, who alone changes entries. Throws `CatalogError`. */
export function createWorkerClient({ url, sign }: { url: string; sign: SignToken }) {
  return {
    async purge(purge: PurgeRequest, who: string): Promise<PurgeResult> {
      const token = await sign({ subject: who, audience: 'invalidation-worker', scope: OPERATE_SCOPE });
      let response: Response;
      let text: string;
      try {
        response = await fetch(`${url}/v1/purges`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
          body: JSON.stringify(purge),
          signal: AbortSignal.timeout(patience_ms),
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
      // Its 401 and 403 are about the console's key, and so a fault of ours.
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
