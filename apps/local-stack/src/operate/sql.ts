/** `npm run sql`: runs one statement, for a person who has no psql. */
import { createPool } from '@catalog/database';
import { StackProblem } from '../problem.ts';

/** @returns the rows as a table of text, and the command tag such as `UPDATE 1` */
export async function runSql(url: string, statement: string): Promise<string> {
  const pool = createPool({ url, applicationName: 'npm run sql', max: 1, connectTimeout_ms: 3_000 });
  try {
    const result = await pool.query<Record<string, unknown>>(statement);
    // A text of several statements gives one result for each.
    const parts = Array.isArray(result) ? (result as unknown as (typeof result)[]) : [result];
    return parts
      .map(({ rows, command, rowCount }) => `${table(rows)}${command} ${rowCount ?? ''}`)
      .join('\n');
  } catch (cause) {
    const reason = cause instanceof AggregateError ? cause.errors.join('; ') : String(cause);
    throw new StackProblem(
      `Postgres did not run the statement: ${reason}`,
      'Check that the stack runs and that the SQL is correct. Example: npm run --silent sql -- "select count(*) from catalog.products"',
      { cause },
    );
  } finally {
    await pool.end();
  }
}

function table(rows: readonly Record<string, unknown>[]): string {
  const [first] = rows;
  if (first === undefined) return '';
  const cell = (value: unknown) =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value ?? null);
  const names = Object.keys(first);
  const lines = [names, ...rows.map((row) => names.map((name) => cell(row[name])))];
  const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return `${lines
    .map((line) =>
      line
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')}\n`;
}
