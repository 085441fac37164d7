import type { Queryable } from './pool.ts';
import { loadSql } from './sql.ts';

const limitOfRole = loadSql(import.meta.url, './connection-limit.sql');

interface Connections {
  readonly processes: number;
  /** Connections of each process, including those that are open only for a moment. */
  readonly each: number;
}

/**
 * For a warning of the readiness: the pools of this service do not fit into the limit of its role, so some of its queries
 * would fail under load. Asks Postgres until it has answered once.
 */
export function connectionWarning(
  db: Queryable,
  connections: Connections,
): () => Promise<string | undefined> {
  let answered: { readonly warning: string | undefined } | undefined;
  return async () => {
    // Other checks say that Postgres is away.
    answered ??= await connectionsBeyondLimit(db, connections).then(
      (warning) => ({ warning }),
      () => undefined,
    );
    return answered?.warning;
  };
}

async function connectionsBeyondLimit(
  db: Queryable,
  { processes, each }: Connections,
): Promise<string | undefined> {
  const { rows } = await db.query<{ role: string; limit: number }>(limitOfRole);
  const [found] = rows;
  const needed = processes * each;
  if (found === undefined || found.limit < 0 || needed <= found.limit) return undefined;
  const { role, limit } = found;
  return `${processes} processes with ${each} connections each need ${needed}, but the role ${role} may have ${limit}: lower WORKERS or DATABASE_POOL_SIZE, or raise max_connections and provision the role again`;
}
