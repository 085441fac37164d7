/** Reads a product. @returns the operation for the history */
import type { Agent } from 'node:http';
import type { Operation } from '../history/operation.ts';
import { call } from './call.ts';

export interface Question {
  readonly client: string;
  readonly process: string;
  readonly url: string;
  readonly key: string;
}

export async function read(
  agent: Agent | undefined,
  question: Question,
  minVersion?: number,
): Promise<Operation> {
  return (await readBody(agent, question, minVersion)).operation;
}

/** The same, with the body of the answer. */
export async function readBody(
  agent: Agent | undefined,
  { client, process, url, key }: Question,
  minVersion?: number,
): Promise<{ readonly operation: Operation; readonly body: string }> {
  const start_ms = performance.now();
  const demand = minVersion === undefined ? {} : { minVersion };
  const about = { client, process, key, kind: 'read', start_ms, ...demand } as const;
  try {
    const headers: Record<string, string> =
      minVersion === undefined ? {} : { 'min-version': String(minVersion) };
    const {
      status,
      headers: answered,
      body,
    } = await call(agent, 'GET', `${url}/v1/products/${key}`, headers);
    const end_ms = performance.now();
    const said = `${status} ${String(answered['cache-status'] ?? '')}`;
    if (status !== 200 && status !== 404) {
      const reason = /"detail":"([^"]*)"/.exec(body)?.[1] ?? '';
      const failed = { ...about, end_ms, outcome: 'failed', said: `${said}${reason}` } as const;
      return { operation: status === 412 ? { ...failed, unreached: true } : failed, body };
    }
    const operation: Operation = {
      ...about,
      end_ms,
      outcome: 'ok',
      version: versionOf(answered['catalog-version']) ?? 0,
      present: status === 200,
      stale: said.includes('detail=stale'),
      said,
    };
    return { operation, body };
  } catch (error) {
    return {
      operation: { ...about, end_ms: performance.now(), outcome: 'failed', said: String(error) },
      body: '',
    };
  }
}

/** Whether a cache answered, and not with a stale value. */
export function isHit({ said }: Operation): boolean {
  return said !== undefined && /; hit; detail=(?:near|redis)/.test(said);
}

export function versionOf(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' ? Number(header) : undefined;
}
