/**
 * Finds statements in migrations that would block the services while a release is rolled out. docs/migrations.md has the rules. The
 * parser is that of Postgres itself.
 */
import { parse, parsePlPgSQL, type Node } from 'libpg-query';
import { hasOption, judge } from './lock-rules.ts';
import { ReleasedSchema } from './released-schema.ts';

export interface MigrationFile {
  /** Such as `0007_products.sql`. */
  readonly name: string;
  readonly sql: string;
}

interface Statement {
  readonly node: Node;
  readonly line: number;
  /** The statements in the body of a DO. */
  readonly inner: readonly Node[];
  /** A DO that commits in its body. */
  readonly commits: boolean;
  /** A DO that runs statements which the check cannot see. */
  readonly isHidden: boolean;
}

/** The runner applies a file that begins with this line without a transaction (libs/database/src/migrations). */
export const outsideMark = '-- outside a transaction';

/**
 * @param released how many of the files are in a release. They never change, so the check does not judge them. A table that a later
 *   file creates is new, so no service waits for it
 * @returns one sentence for each statement to change
 */
export async function longLocks(files: readonly MigrationFile[], released: number): Promise<string[]> {
  const parsed = await Promise.all(
    files.map(async ({ name, sql }, index) => ({
      name,
      isReleased: index < released,
      isOutside: sql.startsWith(`${outsideMark}\n`),
      statements: await statementsOf(sql),
    })),
  );
  const schema = new ReleasedSchema(
    parsed.map(({ isReleased, statements }) => ({
      isReleased,
      statements: statements.map(({ node }) => node),
    })),
  );
  return parsed
    .filter(({ isReleased }) => !isReleased)
    .flatMap(({ name, isOutside, statements }) => {
      const outside = isOutside ? outsideProblem(statements) : undefined;
      if (outside !== undefined) return [`${name}: ${outside}`];
      return problemsOf(statements, schema, { isOutside, hasRelease: released > 0 }).map(
        ({ line, problem }) => `${name}, line ${line}: ${problem}`,
      );
    });
}

function problemsOf(
  statements: readonly Statement[],
  schema: ReleasedSchema,
  { isOutside, hasRelease }: { readonly isOutside: boolean; readonly hasRelease: boolean },
): { readonly line: number; readonly problem: string }[] {
  let held: { readonly line: number; readonly table: string } | undefined;
  return statements.flatMap(({ node, line, inner, commits, isHidden }) => {
    if (!isOutside && mustBeOutside(node))
      return [
        { line, problem: `Postgres refuses it in a transaction. Let the file begin with "${outsideMark}"` },
      ];
    if (isHidden && hasRelease)
      return [
        { line, problem: 'a DO with EXECUTE hides what it runs from this check. Write the statements out' },
      ];
    return [node, ...inner].flatMap((each) => {
      const verdict = judge(each, { schema, isBatch: isOutside && commits });
      if (verdict === undefined) return [];
      if ('problem' in verdict) return [{ line, problem: verdict.problem }];
      if ('locks' in verdict) {
        held ??= { line, table: verdict.locks };
        return [];
      }
      if (held === undefined) return [];
      const problem = `${verdict.slow} while line ${held.line} holds the lock of ${held.table}. Put it into a file of its own`;
      return [{ line, problem }];
    });
  });
}

function mustBeOutside(node: Node): boolean {
  if ('IndexStmt' in node) return node.IndexStmt.concurrent === true;
  if ('DropStmt' in node) return node.DropStmt.concurrent === true;
  if ('ReindexStmt' in node) return hasOption(node.ReindexStmt.params, 'concurrently');
  return 'VacuumStmt' in node && node.VacuumStmt.is_vacuumcmd === true;
}

/** The runner may repeat a statement outside a transaction after a crash, so it must be repeatable. */
function outsideProblem([first, ...others]: readonly Statement[]): string | undefined {
  if (first === undefined || others.length > 0)
    return 'outside a transaction a file holds one statement, because Postgres runs several as one transaction';
  const { node, commits } = first;
  if ('IndexStmt' in node) {
    const { concurrent, if_not_exists, idxname } = node.IndexStmt;
    if (concurrent === true && if_not_exists === true && idxname !== undefined) return undefined;
    return 'use CREATE INDEX CONCURRENTLY IF NOT EXISTS with a name, so that it can be repeated after a crash';
  }
  if ('DropStmt' in node) {
    const { concurrent, missing_ok } = node.DropStmt;
    if (concurrent === true && missing_ok === true) return undefined;
    return 'use DROP INDEX CONCURRENTLY IF EXISTS, so that it can be repeated after a crash';
  }
  if (mustBeOutside(node) || ('DoStmt' in node && commits)) return undefined;
  return 'it needs a transaction: only CONCURRENTLY, VACUUM and a DO that commits each batch may run outside of one';
}

async function statementsOf(sql: string): Promise<Statement[]> {
  const { stmts = [] } = await parse(sql);
  // The parser gives positions in bytes.
  const bytes = Buffer.from(sql);
  return Promise.all(
    stmts.flatMap(({ stmt, stmt_location: from = 0, stmt_len }) => {
      if (stmt === undefined) return [];
      const text = bytes.subarray(from, stmt_len === undefined ? undefined : from + stmt_len).toString();
      const line = bytes.subarray(0, from).toString().split('\n').length;
      return [readStatement(stmt, line, text)];
    }),
  );
}

async function readStatement(node: Node, line: number, text: string): Promise<Statement> {
  const plain = { node, line, inner: [], commits: false, isHidden: false };
  if (!('DoStmt' in node)) return plain;
  const body: unknown = await parsePlPgSQL(text);
  const queries = partsOf(body, 'PLpgSQL_stmt_execsql').map((part) => queryOf(part));
  const inner = await Promise.all(queries.map((query) => parse(query)));
  return {
    ...plain,
    inner: inner.flatMap(({ stmts = [] }) => stmts.flatMap(({ stmt }) => (stmt === undefined ? [] : [stmt]))),
    commits: partsOf(body, 'PLpgSQL_stmt_commit').length > 0,
    isHidden: partsOf(body, 'PLpgSQL_stmt_dynexecute').length > 0,
  };
}

/** The parts of this name, at any depth. */
function partsOf(tree: unknown, name: string): unknown[] {
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree as Record<string, unknown>).flatMap(([key, value]) =>
    key === name ? [value] : partsOf(value, name),
  );
}

function queryOf(statement: unknown): string {
  const { sqlstmt } = statement as { sqlstmt: { PLpgSQL_expr: { query: string } } };
  return sqlstmt.PLpgSQL_expr.query;
}
